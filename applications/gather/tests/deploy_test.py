"""The deploy manifests on a real API server: they apply, and the agent's service account may do what the gatherers need and no more."""
import json
import pathlib
import subprocess
import tempfile
import unittest

from gatherers_test import BERTH, gather
from seeded_cluster import ROOT, shared_cluster

MANIFEST = ROOT / "applications/gather/berth.yaml"
ACCOUNT = "berth-gather/gather"


def setUpModule():
    global cluster
    cluster = shared_cluster()
    cluster.kubectl("apply", "-k", ROOT / "applications/gather")


class Deploy(unittest.TestCase):
    def test_the_roles_are_the_grants(self):
        done = subprocess.run([BERTH, "kube", "rbac", MANIFEST, "--service-account", ACCOUNT], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, (ROOT / "applications/gather/deploy/rbac.yaml").read_text(),
                         f"build/berth kube rbac applications/gather/berth.yaml --service-account {ACCOUNT} > applications/gather/deploy/rbac.yaml")

    def test_what_was_applied_is_what_the_files_say(self):
        deployment = json.loads(cluster.kubectl("get", "-n", "berth-gather", "deployment", "gather", "-o", "json"))
        volumes = deployment["spec"]["template"]["spec"]["volumes"]
        manifest = next(v["configMap"]["name"] for v in volumes if "configMap" in v)
        held = json.loads(cluster.kubectl("get", "-n", "berth-gather", "configmap", manifest, "-o", "json"))
        self.assertEqual(held["data"]["berth.yaml"], MANIFEST.read_text())

    def test_the_service_account_gathers_everything(self):
        token = cluster.kubectl("create", "token", "gather", "-n", "berth-gather").strip()
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            config = json.loads(cluster.kubeconfig.read_text())
            config["users"] = [{"name": "agent", "user": {"token": token}}]
            config["contexts"] = [{"name": "agent", "context": {"cluster": config["clusters"][0]["name"], "user": "agent"}}]
            config["current-context"] = "agent"
            (folder / "kubeconfig").write_text(json.dumps(config))

            class Agent:
                kubeconfig = folder / "kubeconfig"

            archive, said, code = gather(Agent, MANIFEST, folder)
            self.assertEqual(code, 0, said)
            reports = json.loads(archive.records["insights-operator/gathers.json"])["status_reports"]
            self.assertEqual([r["errors"] for r in reports if r["errors"]], [])
            for text in archive.records.values():
                self.assertNotIn(token.encode(), text)
            self.assertNotIn(token, said)

    def test_and_nothing_else(self):
        for verb, thing in (("get", "secrets"), ("list", "secrets"), ("get", "configmaps"), ("create", "pods"), ("delete", "nodes"),
                            ("get", "namespaces/default"), ("create", "serviceaccounts/token"), ("watch", "pods")):
            done = cluster.kubectl("auth", "can-i", verb, thing, "-A", "--as", "system:serviceaccount:berth-gather:gather", check=False)
            self.assertEqual(done.stdout.strip(), "no", (verb, thing, done.stderr))


if __name__ == "__main__":
    unittest.main()
