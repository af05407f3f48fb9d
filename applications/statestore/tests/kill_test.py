"""SIGKILL of `berth up` while clients write to the store in SQLite: what was acknowledged is there afterwards, and
no half of a transaction is. BERTH_KILLS says how often (10)."""
import http.client
import json
import os
import random
import threading
import time
import unittest

from running_berth import RunningBerth

KILLS = int(os.environ.get("BERTH_KILLS", "10"))
CLIENTS = 4
KEYS = 8  # of one client
TOGETHER = 5  # keys of one transaction
GONE = None


class Client:
    """Writes its own keys, one call after the other, until the host is gone. Each group of keys has the numbers that it
    may have now: the last acknowledged one, and the one that was under way."""

    def __init__(self, name, seed):
        self.name, self.random = name, random.Random(seed)
        self.groups = [[f"{name}-{i}"] for i in range(KEYS)] + [[f"{name}-t{i}-{j}" for j in range(TOGETHER)] for i in range(4)]
        self.may_be = [{GONE} for _ in self.groups]
        self.number = self.acknowledged = self.transactions = 0

    def write_until(self, port, deadline):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            while time.monotonic() < deadline:
                self.write(connection)
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()

    def write(self, connection):
        self.number += 1
        at = self.random.randrange(len(self.groups))
        keys = self.groups[at]
        number = GONE if self.random.random() < 0.1 else self.number
        self.may_be[at].add(number)
        if len(keys) > 1:
            operations = [{"operation": "delete", "request": {"key": key}} if number is GONE else
                          {"operation": "upsert", "request": {"key": key, "value": number}} for key in keys]
            call = "POST", "/v1.0/state/statestore/transaction", json.dumps({"operations": operations})
        elif number is GONE:
            call = "DELETE", f"/v1.0/state/statestore/{keys[0]}", None
        else:
            call = "POST", "/v1.0/state/statestore", json.dumps([{"key": keys[0], "value": number}])
        connection.request(*call)
        response = connection.getresponse()
        body = response.read()
        assert response.status == 204, (response.status, body)
        self.may_be[at] = {number}
        self.acknowledged += 1
        self.transactions += len(keys) > 1


class Kills(unittest.TestCase):
    def test_what_was_acknowledged_is_there(self):
        seed = random.randrange(1 << 32)
        print(f"seed {seed}", flush=True)
        when = random.Random(seed)
        clients = [Client(f"c{i}", seed + i) for i in range(CLIENTS)]
        with RunningBerth(manifest="sqlite.yaml") as berth:
            for kill in range(KILLS):
                threads = [threading.Thread(target=client.write_until, args=(berth.http_port, time.monotonic() + 60))
                           for client in clients]
                for thread in threads:
                    thread.start()
                time.sleep(when.uniform(0.02, 0.4))
                berth.kill()
                for thread in threads:
                    thread.join()
                berth.start()
                self.check(berth, clients, f"kill {kill}")
        written = sum(client.acknowledged for client in clients)
        print(f"{KILLS} kills, {written} acknowledged writes, {sum(c.transactions for c in clients)} of them transactions: all there")
        self.assertGreater(written, 10 * KILLS)

    def check(self, berth, clients, when):
        for client in clients:
            keys = [key for group in client.groups for key in group]
            status, _, body = berth.call("POST", "/v1.0/state/statestore/bulk", json.dumps({"keys": keys}).encode())
            self.assertEqual(status, 200, body)
            found = {item["key"]: item.get("data") for item in json.loads(body)}
            for at, group in enumerate(client.groups):
                numbers = {found[key] for key in group}
                self.assertEqual(len(numbers), 1, f"{when}: half a transaction: {[(key, found[key]) for key in group]}")
                self.assertLessEqual(numbers, client.may_be[at], f"{when}: {group}")
                client.may_be[at] = numbers


if __name__ == "__main__":
    unittest.main(verbosity=2)
