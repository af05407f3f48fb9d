"""A real Kubernetes API on this machine: etcd, API server, and controllers where they are asked for.

As a program it starts one, writes a line of JSON with what a client needs (RunningKubernetes.facts), and runs until its standard
input ends."""
import atexit
import base64
import ctypes
import functools
import json
import os
import pathlib
import random
import re
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

PROGRAM = pathlib.Path(os.environ["BERTH_SERVERS"]) / "kubernetes"
START_SECONDS = 60
# Users of tokens.csv with their groups. `reader` may get, list and watch pods, config maps and
# events in the namespace "open"; `nobody` nothing.
USERS = {"admin": ["system:masters"], "reader": [], "nobody": []}


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


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


# The servers of a test have memory enough, and their garbage collector takes a fifth of their time.
ENVIRONMENT = {**os.environ, "GOGC": "400", "GOMEMLIMIT": "1GiB"}


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class RunningKubernetes:
    """Use as a context. Attributes: url, tls, folder, ca, kubeconfig (files), tokens (by user).

    The kubeconfig has a context for each user, and three more of the administrator: `certificate` (client certificate, inline),
    `certificate-files`, and `token-file`. The current one is `admin`."""

    def __init__(self, controllers=False, apiserver=()):
        self._controllers, self._more = controllers, list(apiserver)
        self._processes, self._logs = [], {}

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="berth-kubernetes-")
        self.folder = pathlib.Path(self._folder.name)
        try:
            self._make_files()
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self._processes):
            process.kill()
        for process in self._processes:
            process.wait(30)
        self._folder.cleanup()

    def facts(self):
        return {"url": self.url, "ca": str(self.ca), "kubeconfig": str(self.kubeconfig), "folder": str(self.folder),
                "tokens": self.tokens, "etcd": self._etcd, "program": str(PROGRAM)}

    def kubectl(self, *arguments, context="admin", text=None, check=True):
        """What it writes to standard output; the whole result when check is off."""
        done = subprocess.run([str(PROGRAM), "kubectl", "--kubeconfig", str(self.kubeconfig), "--context", context,
                               "--cache-dir", str(self.folder / "cache"), *map(str, arguments)],
                              input=text, capture_output=True, text=True, timeout=120)
        if not check:
            return done
        assert done.returncode == 0, f"kubectl {arguments}: {done.stderr}"
        return done.stdout

    def request(self, method, path, body=None, user="admin", headers=()):
        """(status, headers, body): what the API answers, with nothing in between."""
        request = urllib.request.Request(self.url + path, method=method, headers={
            "Authorization": "Bearer " + self.tokens[user], "Accept": "application/json", **dict(headers)})
        if body is not None:
            request.data = body if isinstance(body, bytes) else json.dumps(body).encode()
            if not request.has_header("Content-type"):
                request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, context=self.tls, timeout=60) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def make(self, path, thing):
        """Creates; waits where the API asks to (429, and a namespace whose service account is not there yet)."""
        until = time.monotonic() + 30
        while True:
            status, _, body = self.request("POST", path, thing)
            if status in (200, 201):
                return json.loads(body)
            assert status in (429, 404) and time.monotonic() < until, f"POST {path}: {status} {body[:500]}"
            time.sleep(0.1)

    def requests(self, resource, verb="LIST"):
        """How many such requests the API server has had."""
        _, _, body = self.request("GET", "/metrics")
        total = 0.0
        for line in body.decode().splitlines():
            if line.startswith("apiserver_request_total{") and f'resource="{resource}"' in line and f'verb="{verb}"' in line:
                total += float(line.rsplit(" ", 1)[1])
        return int(total)

    def revision(self):
        status = json.loads(self._etcd_call("maintenance/status", {}))
        return int(status["header"]["revision"])

    def compact(self):
        """Forgets what etcd had before now: older resource versions are gone."""
        self._etcd_call("kv/compaction", {"revision": str(self.revision()), "physical": True})

    def _etcd_call(self, path, body):
        request = urllib.request.Request(f"{self._etcd}/v3/{path}", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def _make_files(self):
        at = self.folder
        self.ca, ca_key = at / "ca.pem", at / "ca.key"
        self._key(ca_key)
        openssl("req", "-x509", "-new", "-key", ca_key, "-subj", "/CN=berth test CA", "-days", 2, "-out", self.ca)
        self._issue("server", "/CN=kube-apiserver", "subjectAltName=IP:127.0.0.1,IP:10.0.0.1,DNS:localhost,DNS:kubernetes.default.svc")
        self._issue("client", "/O=system:masters/CN=admin-by-certificate", "extendedKeyUsage=clientAuth")
        self._key(at / "accounts.key")
        openssl("pkey", "-in", at / "accounts.key", "-pubout", "-out", at / "accounts.pub")
        self.tokens = {user: f"{user}-token-{secrets.token_hex(16)}" for user in USERS}
        lines = [f'{self.tokens[user]},{user},{i},"{",".join(groups)}"' for i, (user, groups) in enumerate(USERS.items(), 1)]
        (at / "tokens.csv").write_text("\n".join(lines) + "\n")
        (at / "admin.token").write_text(self.tokens["admin"] + "\n")
        self._port = free_port()
        self.url = f"https://127.0.0.1:{self._port}"
        self.tls = ssl.create_default_context(cafile=str(self.ca))
        self.kubeconfig = at / "kubeconfig"
        self.kubeconfig.write_text(json.dumps(self.config_for(self.url), indent=1))

    def config_for(self, url):
        """A kubeconfig for the API at another address, such as a proxy's with a certificate of the same CA."""
        at = self.folder
        inline = {name: base64.b64encode((at / name).read_bytes()).decode() for name in ("ca.pem", "client.pem", "client.key")}
        users = {user: {"token": token} for user, token in self.tokens.items()}
        users["certificate"] = {"client-certificate-data": inline["client.pem"], "client-key-data": inline["client.key"]}
        users["certificate-files"] = {"client-certificate": "client.pem", "client-key": "client.key"}
        users["token-file"] = {"tokenFile": "admin.token"}
        return {"apiVersion": "v1", "kind": "Config", "preferences": {}, "current-context": "admin",
                "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority-data": inline["ca.pem"]}}],
                "users": [{"name": name, "user": user} for name, user in users.items()],
                "contexts": [{"name": name, "context": {"cluster": "test", "user": name}} for name in users]}

    @staticmethod
    def _key(file):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", file)

    def _issue(self, name, subject, extension):
        at = self.folder
        self._key(at / f"{name}.key")
        (at / f"{name}.ext").write_text(extension + "\n")
        openssl("req", "-new", "-key", at / f"{name}.key", "-subj", subject, "-out", at / f"{name}.csr")
        openssl("x509", "-req", "-in", at / f"{name}.csr", "-CA", self.ca, "-CAkey", at / "ca.key", "-CAcreateserial",
                "-days", 2, "-extfile", at / f"{name}.ext", "-out", at / f"{name}.pem")

    def _run(self, part, *flags):
        assert PROGRAM.exists(), f"{PROGRAM} is missing: tools/dev/servers.sh kubernetes builds it"
        self._logs[part] = self.folder / f"{part}.log"
        with open(self._logs[part], "wb") as log:
            self._processes.append(subprocess.Popen([str(PROGRAM), part, *flags], stdin=subprocess.DEVNULL, stdout=log,
                                                    stderr=log, cwd=self.folder, env=ENVIRONMENT, preexec_fn=die_with_parent))

    def _start(self):
        at = self.folder
        self._etcd, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        self._run("etcd", "--name=test", f"--data-dir={at}/etcd", f"--listen-client-urls={self._etcd}",
                  f"--advertise-client-urls={self._etcd}", f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}",
                  f"--initial-cluster=test={peer}", "--unsafe-no-fsync", "--log-level=error")
        self._run("apiserver", f"--etcd-servers={self._etcd}", "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
                  f"--secure-port={self._port}", "--endpoint-reconciler-type=none", f"--tls-cert-file={at}/server.pem",
                  f"--tls-private-key-file={at}/server.key", f"--client-ca-file={self.ca}", f"--token-auth-file={at}/tokens.csv",
                  "--authorization-mode=RBAC", "--service-account-issuer=https://kubernetes.default.svc",
                  f"--service-account-key-file={at}/accounts.pub", f"--service-account-signing-key-file={at}/accounts.key",
                  "--service-cluster-ip-range=10.0.0.0/24", "--disable-admission-plugins=ServiceAccount",
                  # What etcd has forgotten is gone, and not still in the API server's memory.
                  "--feature-gates=ListFromCacheSnapshot=false", *self._more)
        self._wait_until_ready()
        if self._controllers: # one of them ends with its program when no API server answers
            self._run("controllers", f"--kubeconfig={self.kubeconfig}")
        self._grant_reader()

    def _wait_until_ready(self):
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                if self.request("GET", "/readyz")[0] == 200 and self.request("GET", "/api/v1/namespaces/default")[0] == 200:
                    return
            except OSError:
                pass
            for part, process in zip(self._logs, self._processes):
                if process.poll() is not None or time.monotonic() > until:
                    tail = re.sub(r"[^\n\x20-\x7e]", "?", self._logs[part].read_text(errors="replace")[-3000:])
                    raise AssertionError(f"kubernetes {part} does not become ready:\n{tail}")
            time.sleep(0.05)

    def _grant_reader(self):
        self.make("/api/v1/namespaces", {"metadata": {"name": "open"}})
        rbac, group = "/apis/rbac.authorization.k8s.io/v1/namespaces/open/", "rbac.authorization.k8s.io"
        self.make(rbac + "roles", {"metadata": {"name": "reader"}, "rules": [
            {"apiGroups": [""], "resources": ["pods", "configmaps", "events"], "verbs": ["get", "list", "watch"]}]})
        self.make(rbac + "rolebindings", {
            "metadata": {"name": "reader"}, "subjects": [{"kind": "User", "name": "reader", "apiGroup": group}],
            "roleRef": {"kind": "Role", "name": "reader", "apiGroup": group}})


@functools.cache
def shared(kind=RunningKubernetes):
    """The one that all modules of a program use which only add to it; it ends with the program."""
    kubernetes = kind().__enter__()
    atexit.register(kubernetes.__exit__)
    return kubernetes


def main():
    with RunningKubernetes() as kubernetes:
        print(json.dumps(kubernetes.facts()), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
