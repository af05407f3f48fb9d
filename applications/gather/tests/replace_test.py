"""Gatherers are replaced in a registry between two periods while `berth up` gathers and uploads."""
import hashlib
import http.server
import io
import json
import os
import pathlib
import ssl
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import unittest
import zlib

from seeded_cluster import ROOT, RunningKubernetes

sys.path.insert(0, str(ROOT / "tests/registry"))
from registries import BUILD, Registry, berth, certificates, oras  # noqa: E402

READERS = (BUILD / "guests/gather_readers.wasm").read_bytes()
OTHER = (BUILD / "guests/calculator.wasm").read_bytes()  # a component that gathers nothing
CONFIG_TYPE = "application/vnd.wasm.config.v0+json"
SECONDS = 30
TIMES = 20


def build(number):
    """The component as another build, which says so."""
    assert READERS.count(b"build-0000") == 1
    return READERS.replace(b"build-0000", b"build-%04d" % number)


def damaged(component):
    """Code that no compiler takes."""
    at = len(component) // 3
    return component[:at] + b"\xff" * 32 + component[at + 32:]


class Ingress:
    """What takes archives, from clients with a certificate. Attributes: url, archives (the records of each, by path, in the order
    of arrival)."""

    def __init__(self):
        ingress = self
        self.archives = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                begin = body.index(b"\x1f\x8b")
                # gzip ends by itself; what follows it is the form's.
                with tarfile.open(fileobj=io.BytesIO(gzip_part(body[begin:]))) as tar:
                    ingress.archives.append({m.name: tar.extractfile(m).read() for m in tar})
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificates().server, certificates().server_key)
        tls.load_verify_locations(certificates().ca)
        tls.verify_mode = ssl.CERT_REQUIRED
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_port}/upload"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def builds(self):
        return [int(a["build.txt"].decode().removeprefix("build-")) for a in self.archives]


def gzip_part(data):
    return zlib.decompressobj(31).decompress(data)


class Agent:
    """Use as a context: `berth up` in a folder that outlives it."""

    def __init__(self, folder, kubernetes, source, ingress):
        self.folder, self.kubernetes = folder, kubernetes
        files = certificates()
        (folder / "berth.yaml").write_text(f"""workloads:
  readers:
    source: "{source}"
    update: {{ every: 1s, backoff: 1s, rollback: off }}
    grants: {{ kubernetes: {{ verbs: [list], resources: [pods], namespaces: ["*"] }} }}
    triggers: [ {{ gather: {{ gatherers: [build, count_0] }} }} ]
gather:
  every: 1s
  directory: archives
  upload: {{ url: "{ingress.url}", addresses: [127.0.0.1], retry: 1s, ca: "{files.ca}", cert: "{files.client}", key: "{files.client_key}" }}
control: {{ socket: control.sock }}
store: {{ path: store }}
telemetry: {{ log: {{ format: text }} }}
""")

    def __enter__(self):
        self._log = (self.folder / "log").open("a+")
        self._process = subprocess.Popen([BUILD / "berth", "up", "berth.yaml"], cwd=self.folder, stderr=self._log,
                                         env={**os.environ, "KUBECONFIG": str(self.kubernetes.kubeconfig)})
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(SECONDS)
        self._log.close()

    def log(self):
        return (self.folder / "log").read_text()

    def status(self):
        done = berth("status", "--json", "--socket", self.folder / "control.sock", cwd=self.folder)
        return done.json() if done.code == 0 else None

    def update(self):
        status = self.status()
        return status["workloads"][0]["update"] if status else {}

    def await_(self, what, holds):
        until = time.monotonic() + SECONDS
        while not holds():
            assert self._process.poll() is None and time.monotonic() < until, f"{what}\n{self.log()[-4000:]}\n{self.update()}"
            time.sleep(0.02)


class Replaced(unittest.TestCase):
    def test_twenty_times_a_broken_one_and_without_the_registry(self):
        with tempfile.TemporaryDirectory(prefix="berth-replace-") as folder, RunningKubernetes() as kubernetes:
            folder = pathlib.Path(folder)
            ingress = Ingress()
            self.addCleanup(ingress.close)
            with Registry("olareg") as registry:

                def push(bytes_):
                    (folder / "c.wasm").write_bytes(bytes_)
                    done = berth("push", "c.wasm", f"{registry.host}/readers:v1", *registry.flags, cwd=folder, text=registry.input)
                    self.assertEqual(done.code, 0, done.err)
                    return "sha256:" + hashlib.sha256(bytes_).hexdigest()

                def push_unchecked(bytes_):
                    """As berth would not: it reads what it pushes."""
                    (folder / "c.wasm").write_bytes(bytes_)
                    digest = "sha256:" + hashlib.sha256(bytes_).hexdigest()
                    (folder / "config.json").write_text(json.dumps({"created": "2026-01-01T00:00:00Z", "architecture": "wasm", "os": "wasip2", "layerDigests": [digest]}))
                    done = oras("push", f"{registry.host}/readers:v1", "--config", f"config.json:{CONFIG_TYPE}", "c.wasm:application/wasm", *registry.oras, cwd=folder)
                    self.assertEqual(done.code, 0, done.err)
                    return digest

                push(build(0))
                with Agent(folder, kubernetes, f"oci://{registry.host}/readers:v1", ingress) as agent:
                    agent.await_("the first archive", lambda: ingress.archives)
                    for number in range(1, TIMES + 1):
                        digest = push(build(number))
                        agent.await_(f"build {number} runs", lambda: agent.update().get("running") == digest)
                        # What was being gathered or uploaded then may still be the one before; the next is not.
                        seen = len(ingress.archives)
                        agent.await_(f"an archive of build {number}", lambda: ingress.builds()[-1] == number)
                        self.assertLessEqual(ingress.builds()[seen:].count(number - 1), 1)
                    for broken, why in ((OTHER, "no export"), (damaged(build(TIMES + 1)), "illegal opcode")):
                        digest = push_unchecked(broken)
                        agent.await_("it is refused", lambda: why in agent.update().get("reason", ""))
                        self.assertNotEqual(agent.update()["running"], digest)
                        seen = len(ingress.archives)
                        agent.await_("the last good one gathers on", lambda: len(ingress.archives) >= seen + 2)
                        self.assertEqual(ingress.builds()[-1], TIMES)
                    self.assertEqual(sorted(ingress.builds()), ingress.builds())
            # The registry is gone: a start has what proved good, from the store.
            seen = len(ingress.archives)
            with agent:
                agent.await_("archives without the registry", lambda: len(ingress.archives) >= seen + 2)
                self.assertEqual(ingress.builds()[-1], TIMES)
                uploads = agent.status()["gather"]["uploads"]
            self.assertEqual((uploads["failed"], uploads["degraded"]), (0, False))
            for archive in ingress.archives:
                reports = json.loads(archive["insights-operator/gathers.json"])["status_reports"]
                self.assertEqual([r["errors"] for r in reports], [[] for _ in reports])


if __name__ == "__main__":
    unittest.main()
