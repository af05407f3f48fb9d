"""The state store while its component is replaced, fails, or fills up."""
import json
import subprocess
import threading
import unittest

from running_berth import BUILD, STORES, RunningBerth


class Swaps(unittest.TestCase):
    def test_under_load_nothing_fails_and_entries_are_handed_over(self):
        with RunningBerth() as berth:
            self.assertEqual(berth.save({"key": "kept", "value": {"since": "the first version"}})[0], 204)
            before = berth.get("kept")
            load = subprocess.Popen([BUILD / "state_load", "--address", f"127.0.0.1:{berth.http_port}", "--connections",
                                     "8", "--seconds", "60", "--json"], stdout=subprocess.PIPE, text=True)
            self.addCleanup(load.kill)
            for i in range(1, 11):
                berth.replace(STORES[i % 2].read_bytes())
                workload = berth.wait_for_swaps(ok=i)
                self.assertGreater(workload["last_swap"]["handed_over_bytes"], 0)
            self.assertIsNone(load.poll(), "it went on all the time")
            load.terminate()
            result = json.loads(load.communicate(timeout=60)[0])
            self.assertEqual(load.returncode, 0, result)
            self.assertEqual((result["failed"], result["lost"], result["out_of_order"]), (0, 0, 0), result)
            self.assertGreater(result["calls"], 1000)
            after = berth.get("kept")
            self.assertEqual((after[0], after[1]["ETag"], after[2]), (before[0], before[1]["ETag"], before[2]))
            self.assertEqual(berth.save({"key": "kept", "value": 2, "etag": before[1]["ETag"]})[0], 204)

    def test_grpc_clients_notice_nothing(self):
        import grpc

        wrong = []

        def client(port, name, stop):
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                save = channel.unary_unary("/dapr.proto.runtime.v1.Dapr/SaveState")
                get = channel.unary_unary("/dapr.proto.runtime.v1.Dapr/GetState")
                store = b"\x0a\x0astatestore"
                key = bytes([len(name)]) + name
                number = 0
                while not stop.is_set():
                    number += 1
                    value = b"%08d" % number
                    item = b"\x0a" + key + b"\x12\x08" + value
                    try:
                        save(store + b"\x12" + bytes([len(item)]) + item, timeout=30)
                        if not get(store + b"\x12" + key, timeout=30).startswith(b"\x0a\x08" + value):
                            wrong.append((name, number))
                    except grpc.RpcError as error:
                        wrong.append(error)

        with RunningBerth() as berth:
            stop = threading.Event()
            clients = [threading.Thread(target=client, args=(berth.grpc_port, b"client%d" % i, stop)) for i in range(4)]
            for thread in clients:
                thread.start()
            try:
                for i in range(1, 6):
                    berth.replace(STORES[i % 2].read_bytes())
                    berth.wait_for_swaps(ok=i)
            finally:
                stop.set()
                for thread in clients:
                    thread.join()
        self.assertEqual(wrong, [])

    def test_what_is_no_store_does_not_replace_one(self):
        good = STORES[1].read_bytes()
        hello = (BUILD / "guests/hello.wasm").read_bytes()
        with RunningBerth() as berth:
            self.assertEqual(berth.save({"key": "a", "value": 1})[0], 204)
            berth.replace(b"")  # nobody has written it yet
            for i, bad in enumerate((b"not a component", good[: len(good) // 2], hello), start=1):
                berth.replace(bad)
                berth.wait_for_refusals(i)
                self.assertEqual(berth.get("a")[2], b"1")
            berth.replace(good)
            berth.wait_for_swaps(ok=1)
            self.assertEqual(berth.get("a")[2], b"1")


class Memory(unittest.TestCase):
    def test_a_full_store_says_so_keeps_its_entries_and_can_still_be_replaced(self):
        with RunningBerth(memory="32MiB") as berth:
            value = "v" * 1_000_000
            saved = 0
            while True:
                status, _, body = berth.save({"key": f"big{saved}", "value": value})
                if status != 204:
                    break
                saved += 1
                self.assertLess(saved, 32)
            self.assertEqual(status, 500)
            error = json.loads(body)
            self.assertEqual(error["errorCode"], "ERR_STATE_SAVE")
            self.assertIn("the state store is full", error["message"])
            self.assertGreater(saved, 8)
            # Small entries find room, until they do not either; nothing traps.
            small = 0
            while berth.save({"key": f"small{small}", "value": "s" * 10_000})[0] == 204:
                small += 1
                self.assertLess(small, 2000)
            berth.replace(STORES[1].read_bytes())
            berth.wait_for_swaps(ok=1)
            for i in range(saved):
                self.assertEqual(len(berth.get(f"big{i}")[2]), len(value) + 2)
            for i in range(2):
                self.assertEqual(berth.call("DELETE", f"/v1.0/state/statestore/big{i}")[0], 204)
            self.assertEqual(berth.save({"key": "again", "value": value})[0], 204)
            self.assertEqual(berth.workload()["calls"].get("trap", 0), 0)

    def test_many_keys_are_handed_over(self):
        with RunningBerth() as berth:
            keys, batch = 200_000, 10_000
            for start in range(0, keys, batch):
                items = [{"key": f"k{i}", "value": i} for i in range(start, start + batch)]
                self.assertEqual(berth.save(*items)[0], 204)
            berth.replace(STORES[1].read_bytes())
            berth.wait_for_swaps(ok=1)
            for i in range(0, keys, 9973):
                self.assertEqual(berth.get(f"k{i}")[2], str(i).encode())


if __name__ == "__main__":
    unittest.main(verbosity=2)
