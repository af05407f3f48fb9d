"""A folder with keys and components, registries on this machine, and the programs that sign and verify."""
import atexit
import functools
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "registry"))
from registries import BUILD, SERVERS, Registry  # noqa: E402

PASSWORD = "hush, hush"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
SIZES = ("component", "module", "component-4m", "module-64m")  # of registries.samples()
REFERRER = "application/vnd.dev.cosign.artifact.sig.v1+json"


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class RawRegistry(Registry):
    """A registry whose content a test reads and writes without any client of ours."""

    def request(self, method, path, body=None, **headers):
        """-> (status, headers, body)"""
        request = urllib.request.Request(f"http://{self.host}/v2/{path}" if not path.startswith("http") else path, method=method,
                                         data=body, headers={k.replace("_", "-"): v for k, v in headers.items()})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def get_manifest(self, repository, reference):
        status, headers, body = self.request("GET", f"{repository}/manifests/{reference}", Accept=MANIFEST)
        return (json.loads(body), sha256(body)) if status == 200 else (None, None)

    def put_blob(self, repository, data):
        status, headers, body = self.request("POST", f"{repository}/blobs/uploads/", b"", Content_Type="application/octet-stream")
        assert status == 202, body
        where = headers["Location"]
        where = where if where.startswith("http") else f"http://{self.host}{where}"
        where += ("&" if "?" in where else "?") + "digest=" + sha256(data)
        status, _, body = self.request("PUT", where, data, Content_Type="application/octet-stream")
        assert status == 201, body
        return {"mediaType": "application/octet-stream", "digest": sha256(data), "size": len(data)}

    def get_blob(self, repository, digest):
        status, _, body = self.request("GET", f"{repository}/blobs/{digest}")
        assert status == 200, body
        return body

    def put_manifest(self, repository, reference, manifest, media_type=MANIFEST):
        data = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
        status, _, body = self.request("PUT", f"{repository}/manifests/{reference}", data, Content_Type=media_type)
        assert status == 201, (status, body)
        return sha256(data)

    def delete_manifest(self, repository, digest):
        status, _, body = self.request("DELETE", f"{repository}/manifests/{digest}")
        assert status == 202, (status, body)


def environment(home):
    return {**{k: v for k, v in os.environ.items() if not k.startswith(("COSIGN_", "SIGSTORE_"))},
            "COSIGN_PASSWORD": PASSWORD, "HOME": str(home), "DOCKER_CONFIG": str(home),
            # Set, so that cosign does not go out to fetch the public instance's roots.
            "SIGSTORE_ROOT_FILE": "/nonexistent"}


@functools.cache
def folder_with_keys():
    """Made once. bob has a key of ours and carl one of cosign's, both sealed, which makes each use take a fifth of a second:
    so that guessing the password takes long. Those of ada and eve, made by openssl, lie open: most tests sign with them."""
    folder = tempfile.TemporaryDirectory(prefix="berth-keys-")
    atexit.register(folder.cleanup)
    home = pathlib.Path(folder.name)
    commands = [[BUILD / "berth", "keygen", "--output", "bob"], [SERVERS / "cosign", "generate-key-pair", "--output-key-prefix", "carl"]]
    for name in ("ada", "eve"):
        commands += [["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", name + ".key"],
                     ["openssl", "pkey", "-in", name + ".key", "-pubout", "-out", name + ".pub"]]
    for command in commands:
        subprocess.run(command, cwd=home, env=environment(home), check=True, capture_output=True, timeout=60)
    return home


class World(unittest.TestCase):
    """Each test has an empty folder, `self.folder`, in which programs run."""

    @classmethod
    def setUpClass(cls):
        cls.keys = folder_with_keys()
        cls.environment = environment(cls.keys)

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="berth-signatures-")))

    @classmethod
    def run_in(cls, folder, *command, code=0, stdin="", **environment):
        done = subprocess.run([str(word) for word in command], cwd=folder, env={**cls.environment, **environment}, text=True,
                              capture_output=True, input=stdin, timeout=120)
        shown = f"{' '.join(str(word) for word in command)}: code {done.returncode}\n{done.stdout}{done.stderr}"
        assert PASSWORD not in done.stdout + done.stderr, "the password is shown: " + shown
        if code is not None:
            assert done.returncode == code, shown
        return done

    def berth(self, *arguments, code=0, **more):
        done = self.run_in(self.folder, BUILD / "berth", *arguments, code=code, **more)
        return done.stdout if code == 0 else done.stderr

    def cosign(self, *arguments, fails=False, registry=("--allow-insecure-registry", "--allow-http-registry"), **more):
        local = registry if arguments[0] in ("sign", "verify") else ()
        log = ("--tlog-upload=false", "--yes") if arguments[0].startswith("sign") else ("--insecure-ignore-tlog",)
        done = self.run_in(self.folder, SERVERS / "cosign", *arguments[:1], *local, *log, *arguments[1:],
                           code=None if fails else 0, **more)
        if fails:
            self.assertNotEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def openssl(self, *arguments, **more):
        return self.run_in(self.folder, "openssl", *arguments, **more).stdout

    def key(self, name):
        return self.keys / name

    def module(self, name="store.wasm", word="one"):
        """The smallest module, told from others by a custom section."""
        content = word.encode()
        data = b"\0asm\x01\0\0\0" + bytes([0, len(content) + 2, 1]) + b"x" + content
        (self.folder / name).write_bytes(data)
        return name

    def pushed(self, reference, word="one"):
        """Pushes a module; its manifest's digest."""
        done = self.berth("push", self.module(word=word), f"oci://{reference}", "--json")
        return json.loads(done)["manifest"]

    def verify(self, target, *keys, refused=False, more=(), stdin=""):
        """The JSON report of berth verify."""
        flags = [flag for key in keys for flag in ("--key", self.key(key + ".pub"))]
        done = self.run_in(self.folder, BUILD / "berth", "verify", "--json", *flags, *more, target, stdin=stdin,
                           code=5 if refused else 0)
        report = json.loads(done.stdout)
        self.assertEqual(report["verified"], not refused, report)
        return report

    def findings(self, target, *keys, **more):
        return [found["finding"] for found in self.verify(target, *keys, **more)["signatures"]]
