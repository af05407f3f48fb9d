"""The Kubernetes that other tests use is a real one: users and their rights, conflicts, garbage, resource versions that expire."""
import json
import time
import unittest

from running_kubernetes import RunningKubernetes

MAPS = "/api/v1/namespaces/open/configmaps"


def setUpModule():
    global kubernetes
    kubernetes = RunningKubernetes(controllers=True)
    kubernetes.__enter__()
    unittest.addModuleCleanup(kubernetes.__exit__)


def make_map(name, **metadata):
    return kubernetes.make(MAPS, {"metadata": {"name": name, **metadata}, "data": {"a": "1"}})


class Fixture(unittest.TestCase):
    def test_each_user_may_what_the_file_says(self):
        for context in ("admin", "certificate", "certificate-files", "token-file"):
            self.assertIn("default", kubernetes.kubectl("get", "namespaces", "-o", "name", context=context), context)
        make_map("seen")
        self.assertIn("seen", kubernetes.kubectl("get", "configmap", "-n", "open", "-o", "name", context="reader"))
        refused = kubernetes.kubectl("get", "configmap", "-n", "open", context="nobody", check=False)
        self.assertIn("Forbidden", refused.stderr)

    def test_statuses_are_the_real_ones(self):
        one = make_map("raced")
        one["data"]["a"] = "2"
        self.assertEqual(kubernetes.request("PUT", MAPS + "/raced", one)[0], 200)
        self.assertEqual(kubernetes.request("PUT", MAPS + "/raced", one)[0], 409)
        self.assertEqual(kubernetes.request("POST", MAPS, {"metadata": {"name": "UPPER"}})[0], 422)
        self.assertEqual(kubernetes.request("GET", MAPS + "/none")[0], 404)

    def test_a_compacted_version_is_gone(self):
        version = make_map("old")["metadata"]["resourceVersion"]
        for i in range(3):
            make_map(f"later-{i}")
        kubernetes.compact()
        status, _, body = kubernetes.request("GET", f"{MAPS}?resourceVersion={version}&resourceVersionMatch=Exact&limit=1")
        self.assertEqual((status, json.loads(body)["reason"]), (410, "Expired"))

    def test_controllers_collect_what_nobody_owns(self):
        owner = make_map("owner")
        make_map("owned", ownerReferences=[{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}])
        kubernetes.request("DELETE", MAPS + "/owner")
        until = time.monotonic() + 60
        while kubernetes.request("GET", MAPS + "/owned")[0] != 404:
            self.assertLess(time.monotonic(), until)
            time.sleep(0.2)

    def test_controllers_empty_a_namespace_that_goes(self):
        kubernetes.make("/api/v1/namespaces", {"metadata": {"name": "going"}})
        kubernetes.make("/api/v1/namespaces/going/configmaps", {"metadata": {"name": "in-it"}})
        kubernetes.request("DELETE", "/api/v1/namespaces/going")
        until = time.monotonic() + 60
        while kubernetes.request("GET", "/api/v1/namespaces/going")[0] != 404:
            self.assertLess(time.monotonic(), until)
            time.sleep(0.2)


if __name__ == "__main__":
    unittest.main()
