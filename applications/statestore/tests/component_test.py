"""The pluggable component: Dapr's conformance tests, daprd with its SDKs, and several stores at once."""
import os
import pathlib
import re
import subprocess
import time
import unittest

import sdk_cases
from running_berth import START_SECONDS, RunningBerth
from running_daprd import RunningDaprd
from running_redis import RunningRedis

HERE = pathlib.Path(__file__).resolve().parent
SERVERS = pathlib.Path(os.environ["BERTH_SERVERS"])
SOCKETS = "component-socket: sockets"


def mode(path):
    return path.stat().st_mode & 0o777


class Conformance(unittest.TestCase):
    """Dapr's own tests of state stores, through daprd's client of components."""

    def conforms(self, berth):
        # Without etag, BulkSet and BulkDelete are one call: see tests/servers/dapr-conformance.
        for operations in ("transaction,etag,first-write,ttl,query", "transaction,first-write,ttl,query"):
            done = subprocess.run([SERVERS / "dapr-conformance", "-socket", berth.folder / "sockets/statestore.sock",
                                   "-operations", operations, "-test.v"], capture_output=True, text=True, timeout=120,
                                  check=False)
            results = re.findall(r"^ *--- (PASS|FAIL|SKIP): (\S+)", done.stdout, re.MULTILINE)
            of = {kind: [name for found, name in results if found == kind] for kind in ("PASS", "FAIL", "SKIP")}
            print(f"\nconformance [{operations}]: {len(of['PASS'])} passed, {len(of['FAIL'])} failed, skipped: "
                  f"{', '.join(of['SKIP']) or 'none'}", flush=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertEqual((of["FAIL"], of["SKIP"]), ([], []))
            self.assertGreater(len(of["PASS"]), 20)

    def test_the_store_in_memory(self):
        with RunningBerth(trigger=SOCKETS) as berth:
            self.conforms(berth)

    def test_the_store_in_sqlite(self):
        with RunningBerth(manifest="sqlite.yaml", trigger=SOCKETS) as berth:
            self.conforms(berth)

    def test_the_store_in_redis(self):
        with RunningRedis() as redis, RunningBerth(manifest="redis.yaml", redis=redis.port, trigger=SOCKETS) as berth:
            self.conforms(berth)


class Daprd(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.berth = cls.enterClassContext(RunningBerth(trigger=SOCKETS))
        cls.daprd = cls.enterClassContext(RunningDaprd("statestore", cls.berth.folder / "sockets"))

    def test_the_python_sdk_sees_what_it_sees_without_daprd(self):
        sdk_cases.run(self, self.daprd)

    def test_the_javascript_sdk_sees_what_it_sees_without_daprd(self):
        done = subprocess.run(["node", HERE / "dapr_js_test.mjs", str(self.daprd.http_port)], capture_output=True,
                              text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("all good", done.stdout)

    def test_keys_have_daprds_prefix(self):
        with sdk_cases.client_of(self.daprd) as client:
            client.save_state("statestore", "mine", "1")
            self.assertEqual(client.get_state("statestore", "mine").data, b"1")
        self.assertEqual(self.berth.get("mine")[0], 204)
        self.assertIn("checkout||mine", self.keys())

    def keys(self):
        status, _, body = self.berth.call("POST", "/v1.0-alpha1/state/statestore/query", b'{"filter": {}}')
        self.assertEqual(status, 200)
        return body.decode()

    def test_settings_belong_in_the_manifest(self):
        with RunningDaprd("statestore", self.berth.folder / "sockets", {"keyPrefix": "none"}):
            pass
        wrong = RunningDaprd("statestore", self.berth.folder / "sockets", {"redisHost": "127.0.0.1"})
        self.addCleanup(wrong.stop)
        self.assertFalse(wrong.start())
        self.assertIn("set it in the `settings` of its trigger `state`, in berth's manifest", wrong.log())


class SeveralStores(unittest.TestCase):
    """Two programs, one folder of sockets: each store comes and goes with its program."""

    def test_one_goes_and_comes_back(self):
        with RunningBerth(trigger=SOCKETS) as berth:
            sockets = berth.folder / "sockets"
            both = f"component-socket: {sockets}"
            self.assertEqual(mode(sockets / "statestore.sock"), 0o660)
            self.assertEqual(mode(sockets) & 0o007, 0)
            with RunningBerth(trigger=both, store="second"):
                self.assertEqual({s.name for s in sockets.iterdir()}, {"statestore.sock", "second.sock"})
                with RunningDaprd("second", sockets) as daprd, sdk_cases.client_of(daprd) as client:
                    client.save_state("statestore", "a", "second")
                    self.assertEqual(client.get_state("statestore", "a").data, b"second")
            self.assertEqual({s.name for s in sockets.iterdir()}, {"statestore.sock"})
            # The first goes on, also for a daprd that starts now.
            with RunningDaprd("statestore", sockets) as daprd, sdk_cases.client_of(daprd) as client:
                self.assertEqual(client.get_state("statestore", "a").data, b"")
                with RunningBerth(trigger=both, store="second") as again:
                    self.assertTrue((sockets / "second.sock").exists())
                    again.kill()
                self.assertTrue((sockets / "second.sock").exists())  # nobody was left to remove it
                client.save_state("statestore", "a", "first")
            with RunningBerth(trigger=both, store="second"):
                with RunningDaprd("second", sockets) as daprd, sdk_cases.client_of(daprd) as client:
                    self.assertEqual(client.get_state("statestore", "a").data, b"")

    def test_a_store_comes_back_under_a_running_daprd(self):
        with RunningBerth(trigger=SOCKETS) as berth:
            sockets = berth.folder / "sockets"
            second = RunningBerth(trigger=f"component-socket: {sockets}", store="second")
            with second:
                daprd = self.enterContext(RunningDaprd("second", sockets))
                client = self.enterContext(sdk_cases.client_of(daprd))
                client.save_state("statestore", "a", "1")
            self.assertEqual(sdk_cases.outcome(lambda c: c.get_state("statestore", "a"), client), "INTERNAL")
            with RunningBerth(trigger=f"component-socket: {sockets}", store="second"):
                until = time.monotonic() + START_SECONDS
                while sdk_cases.outcome(lambda c: c.get_state("statestore", "a").data, client) != b"":
                    self.assertLess(time.monotonic(), until)
                    time.sleep(0.2)

    def test_what_another_program_serves_stays(self):
        with RunningBerth(trigger=SOCKETS) as berth:
            late = RunningBerth(trigger=f"component-socket: {berth.folder / 'sockets'}")
            with self.assertRaisesRegex(AssertionError, "is served already"):
                late.__enter__()
            self.assertEqual([s.name for s in (berth.folder / "sockets").iterdir()], ["statestore.sock"])
            with RunningDaprd("statestore", berth.folder / "sockets"):
                pass


if __name__ == "__main__":
    unittest.main(verbosity=2)
