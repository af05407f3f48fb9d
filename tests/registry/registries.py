"""Real registries on 127.0.0.1, and berth and oras as their clients."""
import atexit
import base64
import functools
import http.server
import json
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

BUILD = pathlib.Path(os.environ["BERTH_BUILD"])
SERVERS = pathlib.Path(os.environ["BERTH_SERVERS"])
COMPONENT = BUILD / "guests/calculator.wasm"
MODULE = BUILD / "guests/cli_act.wasm"
USER, PASSWORD = "ada", "a secret: with colon"
START_SECONDS = 20
MIB = 1024 * 1024


def free_port():
    """One that no outgoing connection of another test can take before the server has it."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def openssl(*arguments, **options):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, **options).stdout


class Certificates:
    """A CA of our own, a server's certificate for 127.0.0.1, a client's, all as files in `folder`."""

    def __init__(self, folder):
        self.ca, self.ca_key = folder / "ca.pem", folder / "ca.key"
        self._make_key(self.ca_key)
        openssl("req", "-x509", "-new", "-key", self.ca_key, "-subj", "/CN=berth test CA", "-days", 2, "-out", self.ca)
        self.server, self.server_key = self._issue(folder, "server", "subjectAltName=IP:127.0.0.1")
        self.client, self.client_key = self._issue(folder, "client", "extendedKeyUsage=clientAuth")

    @staticmethod
    def _make_key(file):
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", file)

    def _issue(self, folder, name, extension):
        cert, key, request, more = (folder / f"{name}.{end}" for end in ("pem", "key", "csr", "ext"))
        self._make_key(key)
        more.write_text(extension + "\n")
        openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.ca_key, "-CAcreateserial", "-days", 2,
                "-extfile", more, "-out", cert)
        return cert, key


@functools.cache
def certificates():
    """The ones that servers here use unless a test wants others."""
    folder = tempfile.TemporaryDirectory(prefix="berth-certificates-")
    atexit.register(folder.cleanup)
    return Certificates(pathlib.Path(folder.name))


class TokenServer:
    """Gives docker-registry's tokens, for exactly the scopes asked for, to whoever has the password.
    Attributes: url, asked (the queries that came)."""

    def __init__(self):
        self.asked = []
        key, cert = certificates().server_key, certificates().server
        der = openssl("x509", "-in", cert, "-outform", "DER")
        chain = base64.b64encode(der).decode()
        owner = self

        def encode(data):
            return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                owner.asked.append(query)
                wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
                if self.headers.get("Authorization") != wanted:
                    self.send_response(401)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                access = []
                for scope in query.get("scope", []):
                    kind, rest = scope.split(":", 1)
                    name, actions = rest.rsplit(":", 1)
                    access.append({"type": kind, "name": name, "actions": actions.split(",")})
                now = int(time.time())
                head = {"typ": "JWT", "alg": "RS256", "x5c": [chain]}
                claims = {"iss": "tokens", "sub": USER, "aud": query["service"][0], "exp": now + 300, "nbf": now - 10,
                          "iat": now, "jti": str(len(owner.asked)), "access": access}
                text = ".".join(encode(json.dumps(part).encode()) for part in (head, claims))
                signature = openssl("dgst", "-sha256", "-sign", key, input=text.encode())
                body = json.dumps({"token": f"{text}.{encode(signature)}", "expires_in": 300}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/token"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Registry:
    """Use as a context. kind: "olareg" (with referrers API unless referrers=False) or "docker" (never has it);
    auth: "", "basic" or "token"; tls: "", "server" or "client" (wants a client's certificate too).
    Attributes: host ("127.0.0.1:port"), flags and input (for berth), oras (flags for oras), tokens, folder."""

    def __init__(self, kind="olareg", auth="", tls="", referrers=True):
        self.kind, self.auth, self.tls, self.referrers = kind, auth, tls, referrers
        self._temporary = tempfile.TemporaryDirectory(prefix="berth-registry-")
        self.folder = pathlib.Path(self._temporary.name)
        self.tokens = None
        self.host = f"127.0.0.1:{free_port()}"
        self.flags, self.input, self.oras = [], None, []
        self.certificates = certificates() if tls else None

    def __enter__(self):
        if self.tls:
            self.flags += ["--ca", self.certificates.ca]
            self.oras += ["--ca-file", self.certificates.ca]
        else:
            self.oras += ["--plain-http"]
        if self.tls == "client":
            self.flags += ["--cert", self.certificates.client, "--key", self.certificates.client_key]
            self.oras += ["--cert-file", self.certificates.client, "--key-file", self.certificates.client_key]
        if self.auth:
            self.flags += ["--user", USER, "--password-stdin"]
            self.input = PASSWORD + "\n"
            self.oras += ["-u", USER, "-p", PASSWORD]
        self._log = (self.folder / "log").open("w+")
        command = self._olareg() if self.kind == "olareg" else self._docker()
        self._process = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT, cwd=self.folder)
        self._wait()
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
        if self.tokens:
            self.tokens.close()
        self._log.close()
        self._temporary.cleanup()

    def log(self):
        return pathlib.Path(self._log.name).read_text()

    @staticmethod
    def _hash():
        # bcrypt as both servers want it, at its least cost: they compute it for every request.
        return subprocess.run(["perl", "-e", "print crypt($ARGV[0], $ARGV[1])", PASSWORD, "$2b$04$abcdefghijklmnopqrstuu"],
                              check=True, capture_output=True, text=True).stdout

    def _olareg(self):
        port = self.host.rsplit(":", 1)[1]
        scheme = "https" if self.tls else "http"
        command = [SERVERS / "olareg", "serve", "--addr", "127.0.0.1", "--port", port, "--dir", self.folder / "data",
                   "--api-delete", "--external-url", f"{scheme}://{self.host}"]
        if not self.referrers:
            command.append("--api-referrer=false")
        if self.auth:
            users = {"users": {USER: {"cred": self._hash()}},
                     "acls": [{"repo": "*", "access": ["*"], "members": [USER]}]}
            (self.folder / "auth.yaml").write_text(json.dumps(users))
            command += [{"basic": "--auth-basic", "token": "--auth-token-opaque"}[self.auth], self.folder / "auth.yaml"]
        if self.tls:
            command += ["--tls-cert", self.certificates.server, "--tls-key", self.certificates.server_key]
        return command

    def _docker(self):
        config = {"version": 0.1, "log": {"level": "warn"},
                  "storage": {"filesystem": {"rootdirectory": str(self.folder / "data")}, "delete": {"enabled": True}},
                  "http": {"addr": self.host, "secret": "tests"}}
        if self.tls:
            config["http"]["tls"] = {"certificate": str(self.certificates.server), "key": str(self.certificates.server_key)}
            if self.tls == "client":
                config["http"]["tls"]["clientcas"] = [str(self.certificates.ca)]
        if self.auth == "basic":
            (self.folder / "htpasswd").write_text(f"{USER}:{self._hash()}\n")
            config["auth"] = {"htpasswd": {"realm": "tests", "path": str(self.folder / "htpasswd")}}
        if self.auth == "token":
            self.tokens = TokenServer()
            config["auth"] = {"token": {"realm": self.tokens.url, "service": "registry", "issuer": "tokens",
                                        "rootcertbundle": str(certificates().ca)}}
        (self.folder / "config.yml").write_text(json.dumps(config))
        return ["docker-registry", "serve", self.folder / "config.yml"]

    def _wait(self):
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                with socket.create_connection(("127.0.0.1", int(self.host.rsplit(":", 1)[1])), timeout=1):
                    return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise AssertionError(f"{self.kind} does not serve:\n{self.log()}") from None
                time.sleep(0.05)


class Done:
    """How a program ended. Attributes: code, out, err, seconds, memory (peak, in bytes)."""

    def __init__(self, out, err, code, seconds, memory):
        self.out, self.err, self.code, self.seconds, self.memory = out, err, code, seconds, memory

    def json(self):
        return json.loads(self.out)


_launchers = threading.local()  # one for each thread, until this program ends


def run(command, cwd, text=None, environment=None, seconds=120):
    """Runs a program to its end; HOME is `cwd`, so that nobody's logins are used."""
    if not hasattr(_launchers, "process"):
        _launchers.process = subprocess.Popen([sys.executable, "-IS", pathlib.Path(__file__).with_name("launcher.py")],
                                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    launcher = _launchers.process
    with tempfile.TemporaryDirectory(prefix="berth-run-") as folder:
        files = {name: pathlib.Path(folder) / name for name in ("in", "out", "err")}
        files["in"].write_text(text or "")
        asked = {"command": [str(word) for word in command], "cwd": str(cwd), "seconds": seconds,
                 "env": {"PATH": os.environ["PATH"], "HOME": str(cwd), **(environment or {})},
                 **{name: str(file) for name, file in files.items()}}
        launcher.stdin.write(json.dumps(asked) + "\n")
        launcher.stdin.flush()
        ended = json.loads(launcher.stdout.readline())
        # As they are: a carriage return is part of a progress line.
        return Done(*(files[name].read_bytes().decode() for name in ("out", "err")), **ended)


def berth(*arguments, cwd, **options):
    return run([BUILD / "berth", *arguments], cwd, **options)


def oras(*arguments, cwd, **options):
    return run([SERVERS / "oras", *arguments], cwd, **options)


def padded(start, size):
    """`start`, a module or component, made `size` bytes long by a custom section of bytes that do not compress."""
    rest = size - len(start)
    for length_bytes in range(1, 6):
        content = rest - 1 - length_bytes
        if content < 128 ** length_bytes:
            break
    length = bytes((content >> 7 * i & 0x7F) | (0x80 if i + 1 < length_bytes else 0) for i in range(length_bytes))
    section = b"\0" + length + b"\x03pad"
    out = start + section + os.urandom(rest - len(section))
    assert len(out) == size
    return out


@functools.cache
def samples():
    """Modules and components of every size, by name."""
    component, module = COMPONENT.read_bytes(), MODULE.read_bytes()
    return {"component": component, "module": module,
            "component-4m": padded(component, 4 * MIB), "module-4m": padded(module, 4 * MIB),
            "component-64m": padded(component, 64 * MIB), "module-64m": padded(module, 64 * MIB)}
