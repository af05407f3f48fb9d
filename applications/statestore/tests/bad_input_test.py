"""What clients send by mistake or on purpose: the documented error, and nothing is lost."""
import json
import unittest

from running_berth import STORES, RunningBerth

MILLION = 1_000_000
BATCH = 10_000  # the most that one save takes


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.berth = cls.enterClassContext(RunningBerth())

    def setUp(self):
        self.assertEqual(204, self.berth.save({"key": "kept", "value": "as it was"})[0])

    def tearDown(self):
        self.assertEqual(b'"as it was"', self.berth.get("kept")[2])

    def refused(self, status, code, method, path, body=None):
        got, _, answer = self.berth.call(method, path, body)
        self.assertEqual((status, code), (got, json.loads(answer)["errorCode"]), answer[:300])

    def saves_refused(self, status, code, text):
        for path in ("", "?metadata.contentType=application/json"):
            self.refused(status, code, "POST", f"/v1.0/state/statestore{path}", text)

    def test_malformed_json(self):
        good = b'{"key": "kept", "value": 2}'
        for bad in (b"", b"[", b"{}", b"[1]", b"[" + good, b"[" + good + b",]", b"[" + good + b"]]", b"\xff\xfe", b"[" * 100_000,
                    b'[{"key": "kept", "value": ' + b"[" * 300 + b"]" * 300 + b"}]", b'[{"key": 5, "value": 2}]'):
            self.saves_refused(400, "ERR_MALFORMED_REQUEST", bad)
        upsert = b'{"operation": "upsert", "request": ' + good + b"}"
        for bad in (b"", b"[]", b"{", b'{"operations": 1}', b'{"operations": [' + upsert, b'{"operations": [' + upsert + b",]}",
                    b'{"operations": [' + upsert + b', {"operation": "upsert"}]}', b'{"operations": [' + upsert + b', {"request": {}}]}',
                    b'{"operations": [' + upsert + b', {"operation": "delete", "request": {"key": ""}}]}'):
            self.refused(400, "ERR_MALFORMED_REQUEST", "POST", "/v1.0/state/statestore/transaction", bad)
        self.refused(400, "ERR_MALFORMED_REQUEST", "POST", "/v1.0/state/statestore/bulk", b'{"keys": [1]}')
        self.refused(500, "ERR_STATE_QUERY", "POST", "/v1.0-alpha1/state/statestore/query", b'{"filter": ')

    def test_keys(self):
        for key in ("", "a||b", "||", "k" * 5_000):
            self.saves_refused(400, "ERR_MALFORMED_REQUEST",
                               json.dumps([{"key": "kept", "value": 2}, {"key": key, "value": 1}]).encode())
        self.refused(400, "ERR_MALFORMED_REQUEST", "GET", "/v1.0/state/statestore/a%7C%7Cb")
        self.refused(400, "ERR_MALFORMED_REQUEST", "DELETE", "/v1.0/state/statestore/a%7C%7Cb")

    def test_a_body_over_the_limit(self):
        large = json.dumps([{"key": "kept", "value": "v" * 10_000_000}]).encode()
        self.assertEqual(413, self.berth.call("POST", "/v1.0/state/statestore", large)[0])

    def test_times_to_live(self):
        for ttl in ("0", "-2", "1e9", "9" * 19, "9" * 30, "soon", " 5", str(2**63), str(2**64)):
            self.saves_refused(400, "ERR_MALFORMED_REQUEST",
                               json.dumps([{"key": "kept", "value": 2, "metadata": {"ttlInSeconds": ttl}}]).encode())
            self.refused(400, "ERR_MALFORMED_REQUEST", "POST",
                         f"/v1.0/state/statestore?metadata.ttlInSeconds={ttl.strip() or 0}x", b'[{"key": "kept", "value": 2}]')

    def test_unknown_stores(self):
        for method, path in (("GET", "nowhere/a"), ("DELETE", "nowhere/a"), ("POST", "nowhere"), ("POST", "nowhere/bulk"),
                             ("POST", "nowhere/transaction")):
            self.refused(400, "ERR_STATE_STORE_NOT_FOUND", method, f"/v1.0/state/{path}", b"[]" if method == "POST" else None)

    def test_a_million_keys_in_one_request(self):
        self.refused(400, "ERR_MALFORMED_REQUEST", "POST", "/v1.0/state/statestore/bulk",
                     json.dumps({"keys": ["k"] * (MILLION // 2)}).encode())
        self.saves_refused(400, "ERR_MALFORMED_REQUEST", json.dumps([{"key": "kept"}] * 200_000).encode())


class AMillionKeys(unittest.TestCase):
    def save_all(self, berth):
        """-> how many were saved before the store said that it is full."""
        for begin in range(0, MILLION, BATCH):
            items = ",".join(f'{{"key":"key{i}","value":{i}}}' for i in range(begin, begin + BATCH))
            status, _, body = berth.call("POST", "/v1.0/state/statestore", f"[{items}]".encode())
            if status != 204:
                self.assertIn("the state store is full", json.loads(body)["message"])
                return begin
        return MILLION

    def all_there(self, berth, saved):
        for i in range(0, saved, saved // 50):
            self.assertEqual((200, str(i).encode()), berth.get(f"key{i}")[::2])

    def test_they_fit_and_survive_a_swap(self):
        with RunningBerth(memory="1GiB") as berth:
            self.assertEqual(MILLION, self.save_all(berth))
            self.all_there(berth, MILLION)
            berth.swap(STORES[1])
            self.all_there(berth, MILLION)
            status, _, body = berth.call("POST", "/v1.0-alpha1/state/statestore/query",
                                         b'{"filter": {"IN": {"": [5, 999999]}}, "page": {"limit": 1}}')
            self.assertEqual(204, status, body)  # the values have no fields: none matches, and all were looked at

    def test_what_does_not_fit_is_refused(self):
        with RunningBerth(memory="64MiB") as berth:
            saved = self.save_all(berth)
            self.assertLess(saved, MILLION)
            self.assertGreater(saved, 0)
            self.all_there(berth, saved)
            berth.swap(STORES[1])
            self.all_there(berth, saved)


if __name__ == "__main__":
    unittest.main()
