"""`berth up` on a registry: updates, signatures, and what an operator does about them."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "registry"))
from registries import BUILD, PASSWORD, USER, Registry, berth  # noqa: E402

GUEST = (BUILD / "guests/cli_v1.wasm").read_bytes()
SECONDS = 30


def component(number):
    """The same code under another digest."""
    return GUEST + bytes([0, 3, 1, ord("n"), number])


class Host:
    """Use as a context: `berth up` in a folder that outlives it."""

    def __init__(self, folder, source, registry, workload="", environment=None):
        self.folder = folder
        self.environment = environment or {}
        settings = {"password-file": "password", "user": USER} if registry.auth else {}
        if registry.tls:
            settings["ca"] = str(registry.certificates.ca)
        (folder / "password").write_text(PASSWORD + "\n")
        (folder / "berth.yaml").write_text(
            f'workloads: {{a: {{source: "{source}", instances: one{workload}}}}}\n'
            f"registries: {json.dumps({registry.host: settings})}\n"
            "telemetry: {log: {format: text}}\ncontrol: {socket: control.sock}\nstore: {path: store}\n")

    def __enter__(self):
        self._log = (self.folder / "log").open("w+")
        self._process = subprocess.Popen([BUILD / "berth", "up", "berth.yaml"], cwd=self.folder, stderr=self._log,
                                         env={**os.environ, **self.environment})
        self.await_(lambda: "ready " in self.log() or self._process.poll() is not None)
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(SECONDS)
        self._log.close()
        assert PASSWORD not in self.log(), "a secret in the log"

    def log(self):
        return (self.folder / "log").read_text()

    def await_(self, holds):
        until = time.monotonic() + SECONDS
        while not holds():
            if time.monotonic() > until:
                raise AssertionError(self.log())
            time.sleep(0.02)

    def run(self, command, *arguments):
        return berth(command, "a", *arguments, "--socket", self.folder / "control.sock", cwd=self.folder)

    def update(self):
        done = berth("status", "--json", "--socket", self.folder / "control.sock", cwd=self.folder)
        return done.json()["workloads"][0]["update"]

    def look(self, state):
        """Looks at the source and waits for the state."""
        assert self.run("update").code == 0
        self.await_(lambda: self.update()["state"] == state)
        return self.update()


class Updates(unittest.TestCase):
    def setUp(self):
        self._temporary = tempfile.TemporaryDirectory(prefix="berth-update-")
        self.addCleanup(self._temporary.cleanup)
        self.folder = pathlib.Path(self._temporary.name)

    def push(self, registry, number, tag):
        (self.folder / "c.wasm").write_bytes(component(number))
        done = berth("push", "c.wasm", f"{registry.host}/a:{tag}", *registry.flags, cwd=self.folder, text=registry.input)
        self.assertEqual(done.code, 0, done.err)

    def digest(self, number):
        import hashlib
        return "sha256:" + hashlib.sha256(component(number)).hexdigest()

    def test_a_moved_tag_is_an_update_and_the_registry_may_be_gone(self):
        with Registry("olareg", auth="basic", tls="server") as registry:
            self.push(registry, 1, "v1")
            host = Host(self.folder, f"oci://{registry.host}/a:v1", registry, ", update: {rollback: off}")
            with host:
                self.assertEqual(host.update()["running"], self.digest(1), host.log())
                self.push(registry, 2, "v1")
                self.assertEqual(host.look("good")["running"], self.digest(2))
        with host:  # the registry is not there any more
            self.assertEqual(host.update()["running"], self.digest(2), host.log())
            host.await_(lambda: host.update()["state"] == "refused")
            update = host.update()
            self.assertIn(registry.host, update["reason"])
            self.assertIn("next_look", update)
            rows = host.run("history").out.splitlines()
            self.assertRegex(rows[1], rf"^{self.digest(2)}  good, running +\d{{4}}-.*oci://")
            self.assertRegex(rows[2], rf"^{self.digest(1)}  good  ")
            done = host.run("rollback")
            self.assertEqual(done.code, 0, done.err)
            self.assertIn("rolled-back", done.out)
            self.assertEqual(host.update()["running"], self.digest(1))
            self.assertEqual(host.run("pin").code, 0)
        with host:
            self.assertEqual(host.update()["running"], self.digest(1))
            self.assertEqual(host.update()["pinned"], self.digest(1))
            self.assertIn("pinned to", berth("status", "--socket", "control.sock", cwd=self.folder).out)
            self.assertEqual(host.run("pin", "--off").code, 0)
            self.assertEqual(host.update()["pinned"], "")
            wrong = host.run("accept", self.digest(7))
            self.assertEqual(wrong.code, 3)
            self.assertIn("no update is held", wrong.err)
            self.assertEqual(host.run("accept", self.digest(2)).code, 0, "it was shut out by the rollback")
            self.assertEqual(host.run("rollback", "--to", "sha256:1").code, 3)

    def test_only_what_is_signed_serves(self):
        with Registry("docker") as registry:
            for command in (("keygen", "--output", "ours"), ("keygen", "--output", "theirs")):
                done = berth(*command, cwd=self.folder, environment={"COSIGN_PASSWORD": ""})
                self.assertEqual(done.code, 0, done.err)
            sign = ("sign", "--key", "ours.key", f"oci://{registry.host}/a:v1")
            self.push(registry, 1, "v1")
            host = Host(self.folder, f"oci://{registry.host}/a:v1", registry,
                        ", signature: {any-of: [ours.pub]}, update: {rollback: off}")
            with host:
                self.assertIn("berth: ", host.log())
                self.assertIn("ours.pub", host.log(), "it does not start, and says whose signature is missing")
            done = berth(*sign, cwd=self.folder, environment={"COSIGN_PASSWORD": ""})
            self.assertEqual(done.code, 0, done.err)
            with host:
                self.assertEqual(host.update()["running"], self.digest(1), host.log())
                self.push(registry, 2, "v1")
                update = host.look("refused")
                self.assertEqual(update["running"], self.digest(1))
                self.assertIn("verify: ", update["reason"])
                berth("sign", "--key", "theirs.key", f"oci://{registry.host}/a:v1", cwd=self.folder,
                      environment={"COSIGN_PASSWORD": ""})
                self.assertEqual(host.look("refused")["running"], self.digest(1), "the wrong key")
                self.assertEqual(berth(*sign, cwd=self.folder, environment={"COSIGN_PASSWORD": ""}).code, 0)
                self.assertEqual(host.look("good")["running"], self.digest(2))

    def test_an_older_release_is_refused(self):
        with Registry("olareg") as registry:
            self.push(registry, 1, "v1.0.0")
            self.push(registry, 2, "v1.1.0")
            with Host(self.folder, f"oci://{registry.host}/a:v1.1.0", registry, ", update: {rollback: off}") as host:
                self.assertEqual(host.update()["running"], self.digest(2), host.log())
            with Host(self.folder, f"oci://{registry.host}/a:v1.0.0", registry, ", update: {rollback: off}") as host:
                host.await_(lambda: host.update()["state"] == "refused")
                self.assertIn("older", host.update()["reason"])
                self.assertEqual(host.update()["running"], self.digest(2))
            with Host(self.folder, f"oci://{registry.host}/a:v1.0.0", registry,
                      ", update: {rollback: off, downgrade: allow}") as host:
                host.await_(lambda: host.update()["running"] == self.digest(1))

    def test_looks_by_itself(self):
        with Registry("olareg") as registry:
            self.push(registry, 1, "edge")
            with Host(self.folder, f"oci://{registry.host}/a:edge", registry,
                      ", update: {every: 1s, jitter: 100ms, rollback: off}") as host:
                self.push(registry, 2, "edge")
                host.await_(lambda: host.update()["running"] == self.digest(2))
                self.assertIn("next_look", host.update())


if __name__ == "__main__":
    unittest.main(verbosity=2)
