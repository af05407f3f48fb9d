"""The state API seen by real clients: curl, Dapr's Python SDK and Dapr's JavaScript SDK."""
import json
import pathlib
import subprocess
import unittest

import sdk_cases
from running_berth import RunningBerth

HERE = pathlib.Path(__file__).resolve().parent


def curl(*arguments):
    """-> (status, headers, body)"""
    done = subprocess.run(["curl", "--silent", "--show-error", "--include", "--max-time", "30", *arguments],
                          capture_output=True, text=True, check=True)
    head, _, body = done.stdout.partition("\n\n" if "\r\n" not in done.stdout else "\r\n\r\n")
    while " 100 " in head.splitlines()[0]:
        head, _, body = body.partition("\r\n\r\n")
    lines = head.splitlines()
    return int(lines[0].split()[1]), {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}, body


class Curl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.berth = cls.enterClassContext(RunningBerth())
        cls.url = f"http://127.0.0.1:{cls.berth.http_port}/v1.0/state/statestore"

    def save(self, text, *more):
        return curl("-X", "POST", self.url, "-H", "Content-Type: application/json", "-d", text, *more)

    def test_save_get_delete(self):
        self.assertEqual(self.save('[{"key": "planet", "value": {"name": "Earth"}}]')[0], 204)
        status, headers, body = curl(f"{self.url}/planet")
        self.assertEqual((status, body), (200, '{"name": "Earth"}'))
        self.assertEqual(headers["content-type"], "application/json")
        etag = headers["etag"]
        status, _, body = curl("-X", "DELETE", f"{self.url}/planet", "-H", "If-Match: 99999")
        self.assertEqual((status, json.loads(body)["errorCode"]), (409, "ERR_STATE_DELETE"))
        self.assertEqual(curl("-X", "DELETE", f"{self.url}/planet", "-H", f"If-Match: {etag}")[0], 204)
        self.assertEqual(curl(f"{self.url}/planet")[0], 204)

    def test_errors(self):
        for text in ("", "{", '[{"value": 1}]', '[{"key": "a||b", "value": 1}]'):
            status, _, body = self.save(text)
            self.assertEqual((status, json.loads(body)["errorCode"]), (400, "ERR_MALFORMED_REQUEST"), text)
        status, _, body = curl(f"http://127.0.0.1:{self.berth.http_port}/v1.0/state/nowhere/a")
        self.assertEqual((status, json.loads(body)["errorCode"]), (400, "ERR_STATE_STORE_NOT_FOUND"))

    def test_large_values_and_their_limit(self):
        value = "v" * 3_000_000
        file = self.berth.folder / "large.json"
        file.write_text(json.dumps([{"key": "large", "value": value}]))
        self.assertEqual(self.save(f"@{file}")[0], 204)  # curl asks with Expect: 100-continue
        self.assertEqual(curl(f"{self.url}/large")[2], json.dumps(value))
        file.write_text(json.dumps([{"key": "large", "value": "v" * 10_000_000}]))
        self.assertEqual(self.save(f"@{file}")[0], 413)
        self.assertEqual(curl(f"{self.url}/large")[2], json.dumps(value))

    def test_many_requests_on_one_connection(self):
        urls = []
        for i in range(50):
            self.assertEqual(self.save(json.dumps([{"key": f"many{i}", "value": i}]))[0], 204)
            urls.append(f"{self.url}/many{i}")
        done = subprocess.run(["curl", "--silent", "-w", "|%{num_connects}\n", *urls], capture_output=True, text=True,
                              check=True)
        self.assertEqual(done.stdout, "".join(f"{i}|{1 if i == 0 else 0}\n" for i in range(50)))


class PythonSdk(unittest.TestCase):
    """dapr's state calls go over gRPC; its start-up check over HTTP."""

    @classmethod
    def setUpClass(cls):
        cls.berth = cls.enterClassContext(RunningBerth())

    def test_all(self):
        sdk_cases.run(self, self.berth)

    def test_both_apis_show_the_same_entries(self):
        with sdk_cases.client_of(self.berth) as client:
            client.save_state("statestore", "shared", json.dumps([1, 2]))
            status, headers, body = self.berth.get("shared")
            self.assertEqual((status, body), (200, b"[1, 2]"))
            self.assertEqual(client.get_state("statestore", "shared").etag, headers["ETag"])
            self.assertEqual(self.berth.save({"key": "shared", "value": "http"})[0], 204)
            self.assertEqual(client.get_state("statestore", "shared").data, b'"http"')

    def test_refuses_what_is_no_state_call_and_no_expiry(self):
        with sdk_cases.client_of(self.berth) as client:
            self.assertEqual(sdk_cases.outcome(lambda c: c.get_secret("store", "key"), client), "UNIMPLEMENTED")
            for ttl in ("soon", "0", "-2", "99999999999999999999"):
                save = lambda c: c.save_state("statestore", "a", "1", state_metadata={"ttlInSeconds": ttl})
                self.assertEqual(sdk_cases.outcome(save, client), "INVALID_ARGUMENT", ttl)


class RawGrpc(unittest.TestCase):
    """What no SDK would send."""

    @classmethod
    def setUpClass(cls):
        import grpc

        cls.berth = cls.enterClassContext(RunningBerth())
        cls.channel = cls.enterClassContext(grpc.insecure_channel(f"127.0.0.1:{cls.berth.grpc_port}"))

    def call(self, method, message):
        """-> the name of the status code"""
        import grpc

        try:
            self.channel.unary_unary(f"/dapr.proto.runtime.v1.Dapr/{method}")(message, timeout=30)
            return "OK"
        except grpc.RpcError as error:
            return error.code().name

    def test_bad_messages(self):
        good = b"\x0a\x0astatestore\x12\x06\x0a\x01k\x12\x01v"
        self.assertEqual(self.call("SaveState", good), "OK")
        for message in (b"\xff", b"\x0b", good[:-1], b"\x08\x01", b"\x12\xff\xff\xff\xff\x0f"):
            self.assertEqual(self.call("SaveState", message), "INVALID_ARGUMENT", message)
        self.assertEqual(self.call("SaveState", b""), "INVALID_ARGUMENT")  # no store of that name
        self.assertEqual(self.call("SaveState", good[:12] + b"\x12\x03\x0a\x01\xff"), "INVALID_ARGUMENT")  # key not UTF-8
        self.assertEqual(self.call("SaveState", good[:12] + b"\x12\x00" * 10_001), "INVALID_ARGUMENT")
        self.assertEqual(self.call("SaveState", b"x" * 6_000_000), "RESOURCE_EXHAUSTED")
        self.assertEqual(self.call("Unheard", good), "UNIMPLEMENTED")
        self.assertEqual(self.berth.get("k")[2], b"v")


class JavaScriptSdk(unittest.TestCase):
    """@dapr/dapr speaks HTTP for state when told to."""

    def test_all(self):
        with RunningBerth() as berth:
            done = subprocess.run(["node", HERE / "dapr_js_test.mjs", str(berth.http_port)], capture_output=True,
                                  text=True, timeout=120, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("all good", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
