#!/usr/bin/env python3
"""Starts the store in berth and uses it as a client would. BERTH names the program if it is not on PATH."""
import json
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
BERTH = os.environ.get("BERTH", "berth")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class StoreTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        manifest = (HERE / "berth.yaml").read_text()
        cls.name = re.search(r"store: ([\w-]+),", manifest)[1]
        port = free_port()
        cls.url = f"http://127.0.0.1:{port}/v1.0/state/{cls.name}"
        manifest = manifest.replace("127.0.0.1:3500", f"127.0.0.1:{port}").replace("file:store.wasm", f"file:{HERE}/store.wasm")
        (cls.folder / "berth.yaml").write_text(manifest + "control: { socket: control.sock }\nstore: { path: store }\n")
        berth = subprocess.Popen([BERTH, "up", cls.folder / "berth.yaml"], cwd=cls.folder)
        cls.addClassCleanup(berth.wait)
        cls.addClassCleanup(berth.terminate)
        until = time.monotonic() + 60
        while not cls.serves(port):
            if berth.poll() is not None or time.monotonic() > until:
                raise AssertionError("berth up does not serve")
            time.sleep(0.05)

    @staticmethod
    def serves(port):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/v1.0/healthz").status == 204
        except urllib.error.URLError:
            return False

    def call(self, method, path="", body=None, **headers):
        """-> (status, body, ETag)"""
        request = urllib.request.Request(self.url + path, method=method, headers=headers,
                                         data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request) as response:
                return response.status, response.read(), response.headers["ETag"]
        except urllib.error.HTTPError as error:
            return error.code, error.read(), None

    def save(self, key, value, **more):
        return self.call("POST", body=[{"key": key, "value": value, **more}])[0]

    def test_set_with_etag_then_get(self):
        self.assertEqual(self.save("etag", 1), 204)
        _, _, etag = self.call("GET", "/etag")
        self.assertEqual(self.save("etag", 2, etag=etag), 204)
        self.assertEqual(self.save("etag", 3, etag=etag), 409)
        status, body, newer = self.call("GET", "/etag")
        self.assertEqual((status, body), (200, b"2"))
        self.assertNotEqual(newer, etag)

    def test_set_and_get_a_second_key(self):
        self.assertEqual((self.save("first", "a"), self.save("second", "b")), (204, 204))
        self.assertEqual(self.call("GET", "/second")[1], b'"b"')
        self.assertEqual(self.call("GET", "/first")[1], b'"a"')

    def test_delete_the_first(self):
        self.assertEqual((self.save("one", 1), self.save("two", 2)), (204, 204))
        self.assertEqual(self.call("DELETE", "/one")[0], 204)
        self.assertEqual(self.call("GET", "/one")[:2], (204, b""))
        self.assertEqual(self.call("GET", "/two")[1], b"2")

    def test_first_write_wins(self):
        self.assertEqual(self.save("seat", "Ada", options={"concurrency": "first-write"}), 204)
        self.assertEqual(self.save("seat", "Bob", options={"concurrency": "first-write"}), 409)

    def test_a_transaction_is_all_or_nothing(self):
        self.assertEqual(self.save("account", 10), 204)
        transfer = [{"operation": "upsert", "request": {"key": "account", "value": 0}},
                    {"operation": "upsert", "request": {"key": "other", "value": 10, "etag": "999999"}}]
        self.assertGreaterEqual(self.call("POST", "/transaction", {"operations": transfer})[0], 400)
        self.assertEqual(self.call("GET", "/account")[1], b"10")

    def test_entries_expire(self):
        self.assertEqual(self.save("short", 1, metadata={"ttlInSeconds": "1"}), 204)
        self.assertEqual(self.call("GET", "/short")[1], b"1")
        time.sleep(1.2)
        self.assertEqual(self.call("GET", "/short")[0], 204)

    def test_a_new_build_takes_the_entries_over(self):
        self.assertEqual(self.save("kept", "here"), 204)
        # Another build: the same component with a section that says so.
        build = self.folder / "another.wasm"
        build.write_bytes((HERE / "store.wasm").read_bytes() + b"\x00\x02\x01x")
        subprocess.run([BERTH, "swap", "--socket", self.folder / "control.sock", self.name, build], check=True)
        self.assertEqual(self.call("GET", "/kept")[1], b'"here"')


if __name__ == "__main__":
    unittest.main()
