"""Histories of concurrent calls during swaps, judged by porcupine: some order of them, within their times, is that of
a store which does one call after the other."""
import http.client
import itertools
import json
import os
import pathlib
import random
import subprocess
import threading
import time
import unittest

from running_berth import STORES, RunningBerth

CHECKER = pathlib.Path(os.environ["BERTH_SERVERS"]) / "linearizable"
HISTORIES = 25  # of each number of instances
CLIENTS = 6
CALLS = 60  # of each client, at least: they go on until the swap is over
KEYS = 3


class Client(threading.Thread):
    """Calls at random, and keeps what it called and what was answered."""

    def __init__(self, number, history, port, values):
        super().__init__()
        self.number, self.prefix, self.values = number, f"h{history}", values
        self.random = random.Random(f"{history}/{number}")
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.swapped = threading.Event()
        self.calls, self.failed, self.seen = [], [], {}  # seen: by key, the last value and ETag that a get found

    def request(self, method, path, body=None, headers=None):
        """-> (status, ETag, body), with the call's times."""
        begin = time.monotonic_ns()
        self.http.request(method, path, body, headers or {})
        response = self.http.getresponse()
        content = response.read()
        return (begin, time.monotonic_ns()), response.status, response.headers.get("etag"), content

    def run(self):
        try:
            while len(self.calls) < CALLS or not self.swapped.is_set():
                self.one()
        except Exception as error:  # what a thread dies of would be lost
            self.failed.append(repr(error))
        finally:
            self.http.close()

    def one(self):
        key = f"{self.prefix}-{self.random.randrange(KEYS)}"
        path = f"/v1.0/state/statestore/{key}"
        kind = self.random.choice(["get", "get", "set", "set", "delete"])
        known = self.seen.get(key)
        expect, etag = None, None
        if kind == "get":
            times, status, etag, body = self.request("GET", path)
            self.expected(status in (200, 204), kind, status, body)
            result = json.loads(body) if status == 200 else ""
            if status == 200:
                self.seen[key] = (result, etag)
            self.keep(kind, key, times, ok=True, result=result, etag=etag or "")
        elif kind == "set":
            value = f"{self.number}.{next(self.values)}"
            item = {"key": key, "value": value}
            if known and self.random.random() < 0.6:
                expect, item["etag"] = known
            elif self.random.random() < 0.3:
                expect, item["options"] = "", {"concurrency": "first-write"}
            times, status, _, body = self.request("POST", "/v1.0/state/statestore", json.dumps([item]))
            self.expected(status in ((204,) if expect is None else (204, 409)), kind, status, body)
            self.keep(kind, key, times, ok=status == 204, value=value, expect=expect)
        else:
            headers = {}
            if known and self.random.random() < 0.6:
                expect, headers["If-Match"] = known
            times, status, _, body = self.request("DELETE", path, headers=headers)
            self.expected(status in ((204,) if expect is None else (204, 409)), kind, status, body)
            self.keep(kind, key, times, ok=status == 204, expect=expect)

    def expected(self, is_so, *what):
        if not is_so:
            self.failed.append(repr(what))

    def keep(self, op, key, times, **more):
        self.calls.append({"client": self.number, "op": op, "key": key, "call": times[0], "return": times[1], **more})


def judge(calls):
    done = subprocess.run([CHECKER], input="\n".join(map(json.dumps, calls)), capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


class Linearizable(unittest.TestCase):
    def histories(self, instances):
        values, swaps, calls = itertools.count(1), 0, 0
        with RunningBerth(instances=instances) as berth:
            builds = itertools.cycle([STORES[1], STORES[0]])
            for history in range(HISTORIES):
                clients = [Client(number, history, berth.http_port, values) for number in range(CLIENTS)]
                for client in clients:
                    client.start()
                berth.swap(next(builds))
                for client in clients:
                    client.swapped.set()
                for client in clients:
                    client.join()
                self.assertEqual([], sum((client.failed for client in clients), []))
                together = sum((client.calls for client in clients), [])
                calls += len(together)
                code, said = judge(together)
                self.assertEqual(0, code, said)
                self.each_etag_is_of_one_value(together)
            swaps = berth.workload()["swaps"]
        self.assertEqual((HISTORIES, 0), (swaps["ok"], swaps["failed"]))
        print(f"instances {instances}: {HISTORIES} histories, {calls} calls, {swaps['ok']} swaps: linearizable")
        return together

    def each_etag_is_of_one_value(self, calls):
        values = {}
        for call in calls:
            if call.get("etag"):
                self.assertEqual(call["result"], values.setdefault((call["key"], call["etag"]), call["result"]))

    def test_one_instance(self):
        calls = self.histories("one")
        # The judge can say no: an answer of before the first call is none.
        got = next(call for call in calls if call["op"] == "get" and call["result"])
        got["result"] = "never written"
        self.assertEqual(1, judge(calls)[0])

    def test_two_instances(self):
        self.histories("2")


if __name__ == "__main__":
    unittest.main()
