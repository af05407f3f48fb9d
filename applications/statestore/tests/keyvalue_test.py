"""The store over wasi:keyvalue, in SQLite and in Redis: everything that Dapr's state API asks of a store."""
import contextlib
import json
import time
import unittest

from running_berth import KEYVALUE_STORE, RunningBerth
from running_redis import RunningRedis


@contextlib.contextmanager
def sqlite():
    with RunningBerth(manifest="sqlite.yaml") as berth:
        yield berth


@contextlib.contextmanager
def redis():
    with RunningRedis() as server, RunningBerth(manifest="redis.yaml", redis=server.port) as berth:
        yield berth


class Cases:
    def setUp(self):
        self.berth = self.enterContext(self.backend())

    def post(self, path, body):
        status, _, answer = self.berth.call("POST", "/v1.0/state/statestore" + path, json.dumps(body).encode())
        return status, json.loads(answer) if answer else None

    def transact(self, *operations):
        return self.post("/transaction", {"operations": [{"operation": what, "request": request}
                                                         for what, request in operations]})[0]

    def value(self, key):
        status, _, body = self.berth.get(key)
        self.assertIn(status, (200, 204), body)
        return json.loads(body) if status == 200 else None

    def etag(self, key):
        return self.berth.get(key)[1]["ETag"]

    def test_values_and_conditions(self):
        self.assertEqual(self.berth.save({"key": "a", "value": {"deep": [1, "\u26f5"]}}, {"key": "b", "value": ""})[0], 204)
        self.assertEqual(self.value("a"), {"deep": [1, "\u26f5"]})
        self.assertEqual(self.value("b"), "")
        first = self.etag("a")
        self.assertEqual(self.berth.save({"key": "a", "value": 2, "etag": first})[0], 204)
        self.assertEqual(self.berth.save({"key": "a", "value": 3, "etag": first})[0], 409)
        self.assertEqual(self.berth.save({"key": "a", "value": 3, "etag": "no etag of ours"})[0], 400)
        once = {"key": "new", "value": 1, "options": {"concurrency": "first-write"}}
        self.assertEqual([self.berth.save(once)[0] for _ in range(2)], [204, 409])
        self.assertEqual(self.berth.call("DELETE", "/v1.0/state/statestore/a", headers={"If-Match": first})[0], 409)
        self.assertEqual(self.berth.call("DELETE", "/v1.0/state/statestore/a", headers={"If-Match": self.etag("a")})[0], 204)
        self.assertIsNone(self.value("a"))
        # An ETag of what was deleted is none of what is written anew.
        self.assertEqual(self.berth.save({"key": "a", "value": 4})[0], 204)
        self.assertNotEqual(self.etag("a"), first)

    def test_bulk(self):
        items = [{"key": f"k{i}", "value": i} for i in range(3000)]
        self.assertEqual(self.berth.save(*items)[0], 204)
        self.assertEqual(self.berth.save({"key": "k0", "value": -1}, {"key": "k0", "value": -2})[0], 204)
        status, found = self.post("/bulk", {"keys": ["k2999", "none", "k0"]})
        self.assertEqual(status, 200)
        self.assertEqual([item.get("data") for item in found], [2999, None, -2])

    def test_transactions(self):
        self.assertEqual(self.berth.save({"key": "a", "value": 1}, {"key": "b", "value": 1})[0], 204)
        old = self.etag("a")
        self.assertEqual(self.transact(("upsert", {"key": "a", "value": 2, "etag": old}), ("delete", {"key": "b"}),
                                       ("upsert", {"key": "c", "value": 2})), 204)
        self.assertEqual([self.value(key) for key in "abc"], [2, None, 2])
        self.assertNotEqual(self.transact(("upsert", {"key": "c", "value": 3}), ("upsert", {"key": "a", "value": 3, "etag": old})), 204)
        self.assertEqual([self.value(key) for key in "abc"], [2, None, 2])
        # An operation sees what those before it wrote.
        self.assertEqual(self.transact(("upsert", {"key": "d", "value": 1}), ("delete", {"key": "d"}),
                                       ("upsert", {"key": "d", "value": 2, "options": {"concurrency": "first-write"}})), 204)
        self.assertEqual(self.value("d"), 2)

    def test_expiry(self):
        self.assertEqual(self.berth.save({"key": "short", "value": 1, "metadata": {"ttlInSeconds": "1"}},
                                         {"key": "long", "value": 1, "metadata": {"ttlInSeconds": "100"}})[0], 204)
        self.assertEqual(self.value("short"), 1)
        time.sleep(1.2)
        self.assertIsNone(self.value("short"))
        self.assertEqual(self.value("long"), 1)
        self.assertEqual(self.berth.save({"key": "short", "value": 2, "options": {"concurrency": "first-write"}})[0], 204)

    def test_queries(self):
        self.assertEqual(self.berth.save(*({"key": f"q{i:04}", "value": {"n": i, "odd": i % 2 == 1}} for i in range(2500)))[0], 204)
        query = {"filter": {"EQ": {"odd": True}}, "sort": [{"key": "n", "order": "DESC"}], "page": {"limit": 3}}
        status, _, body = self.berth.call("POST", "/v1.0-alpha1/state/statestore/query", json.dumps(query).encode())
        self.assertEqual(status, 200, body)
        self.assertEqual([item["data"]["n"] for item in json.loads(body)["results"]], [2499, 2497, 2495])

    def test_entries_outlive_the_component(self):
        self.assertEqual(self.berth.save({"key": "kept", "value": 1})[0], 204)
        etag = self.etag("kept")
        self.berth.kill()
        self.berth.start()
        self.assertEqual((self.value("kept"), self.etag("kept")), (1, etag))
        self.berth.replace(KEYVALUE_STORE.read_bytes() + b"\x00\x03\x02v2")  # another digest: a custom section more
        self.berth.wait_for_swaps(ok=1)
        self.assertEqual((self.value("kept"), self.etag("kept")), (1, etag))

    def test_what_is_too_large_is_an_error_and_nothing_more(self):
        self.assertEqual(self.berth.save({"key": "a", "value": 1})[0], 204)
        self.assertEqual(self.berth.save({"key": "k" * 5000, "value": 1})[0], 400)
        self.assertEqual(self.berth.save(*({"key": f"big{i}", "value": "v" * 3_900_000} for i in range(1)))[0], 204)
        for i in range(1, 12):
            self.assertEqual(self.berth.save({"key": f"big{i}", "value": "v" * 3_900_000})[0], 204)
        status, found = self.post("/bulk", {"keys": [f"big{i}" for i in range(12)]})
        self.assertIn("ask for fewer keys", json.dumps(found))
        self.assertEqual(self.value("a"), 1)
        self.assertEqual(self.berth.workload()["calls"].get("trap", 0), 0)


class Sqlite(Cases, unittest.TestCase):
    backend = staticmethod(sqlite)


class Redis(Cases, unittest.TestCase):
    backend = staticmethod(redis)


class Away(unittest.TestCase):
    def test_without_its_redis_it_does_not_start_and_later_answers_with_the_error(self):
        with RunningRedis() as server:
            port = server.port
            with RunningBerth(manifest="redis.yaml", redis=port) as berth:
                self.assertEqual(berth.save({"key": "a", "value": 1})[0], 204)
                server.__exit__()
                status, _, body = berth.save({"key": "a", "value": 2})
                self.assertEqual(status, 500, body)
                self.assertIn(b"Redis", body)
        with self.assertRaisesRegex(AssertionError, "Connection refused"):
            RunningBerth(manifest="redis.yaml", redis=port).__enter__()


if __name__ == "__main__":
    unittest.main(verbosity=2)
