"""Workloads that read the same things of one cluster ask for them once: two of them, with four gatherers each, in one program."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import running_kubernetes
from seeding import Seeder, pod

BUILD = pathlib.Path(os.environ["BERTH_BUILD"])
PODS = 1_001  # three pages


def setUpModule():
    global kubernetes
    kubernetes = running_kubernetes.shared()
    with Seeder(kubernetes, threads=8) as seeder:
        for i in range(PODS):
            seeder.make("/api/v1/namespaces/open/pods", pod("open", f"pod-{i}"))


def asked(workloads, gatherers, **more):
    """How many lists of pods the API server saw while all of them read all pods."""
    text = {"workloads": {}, "gather": {"directory": "archives", "concurrency": 8}, "store": {"path": "store"}}
    for i in range(workloads):
        names = [f"count_{i * gatherers + j}" for j in range(gatherers)]
        text["workloads"][f"w{i}"] = {
            "source": f"file:{BUILD}/guests/gather_readers.wasm", "triggers": [{"gather": {"gatherers": names}}],
            "grants": {"kubernetes": {"verbs": ["list"], "resources": ["pods"], "namespaces": ["*"], **more}}}
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "berth.yaml"
        file.write_text(json.dumps(text))
        before = kubernetes.requests("pods")
        done = subprocess.run([BUILD / "berth", "gather", file, "--once", "-o", pathlib.Path(folder) / "archive.tar.gz"], timeout=120,
                              capture_output=True, text=True, env={**os.environ, "KUBECONFIG": str(kubernetes.kubeconfig)})
        assert done.returncode == 0, done.stderr
        return kubernetes.requests("pods") - before


class Shared(unittest.TestCase):
    def test_eight_readers_in_two_workloads_ask_like_one(self):
        alone = asked(1, 1)
        self.assertEqual(alone, 3)
        self.assertEqual(asked(2, 4), alone)

    def test_who_wants_no_shared_list_has_one_of_its_own(self):
        self.assertEqual(asked(2, 1, **{"max-age": "0s"}), 6)

    def test_lists_with_other_things_hidden_are_others(self):
        self.assertEqual(asked(2, 2, redact={"pods": ["spec.containers[*].env"]}), 3)


if __name__ == "__main__":
    unittest.main()
