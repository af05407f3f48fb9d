"""`berth kube rbac`: what its roles allow, asked of a real API server, is what the manifest's rules allow, neither more nor less."""
import contextlib
import http.client
import itertools
import json
import os
import pathlib
import ssl
import subprocess
import tempfile
import unittest

import running_kubernetes

BERTH = pathlib.Path(os.environ["BERTH_BUILD"]) / "berth"
ACCOUNT = "system:serviceaccount:agents:gatherer"
VERBS = ["get", "list", "watch", "create", "update", "patch", "delete"]
RULES = [
    {"verbs": ["get", "list", "watch"], "resources": ["pods", "nodes", "deployments.apps"], "namespaces": ["*"]},
    {"verbs": ["get"], "resources": ["pods/log", "deployments.apps/status"], "namespaces": ["*"]},
    {"verbs": ["create", "patch"], "resources": ["configmaps", "leases.coordination.k8s.io"], "namespaces": ["open", "default"]},
    {"verbs": ["get", "list", "update", "delete"], "resources": ["configmaps", "secrets", "namespaces"], "namespaces": ["open"],
     "names": ["mine", "system:x"]},
]
RESOURCES = ["pods", "pods/log", "pods/exec", "nodes", "nodes/proxy", "configmaps", "secrets", "namespaces", "serviceaccounts/token",
             "deployments.apps", "deployments.apps/status", "deployments.apps/scale", "leases.coordination.k8s.io",
             "roles.rbac.authorization.k8s.io"]


def allowed(verb, resource, namespace, name):
    """As the rules are meant (README of the capability)."""
    for rule in RULES:
        everywhere = rule["namespaces"] == ["*"]
        if verb not in rule["verbs"] or resource not in rule["resources"]:
            continue
        if not everywhere and (namespace not in rule["namespaces"] or resource == "namespaces"):
            continue
        if "names" in rule and name not in rule["names"]:
            continue
        return True
    return False


def setUpModule():
    global kubernetes
    kubernetes = running_kubernetes.shared()


def roles(manifest, *flags):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(manifest, file)
        file.flush()
        return subprocess.run([BERTH, "kube", "rbac", file.name, *flags], capture_output=True, text=True, timeout=60)


def manifest(*grants):
    return {"workloads": {f"w{i}": {"source": "file:none.wasm", "grants": {"kubernetes": grant}} for i, grant in enumerate(grants)}}


@contextlib.contextmanager
def reviewer():
    """Asks the API what the account may do, over one connection."""
    connection = http.client.HTTPSConnection("127.0.0.1", int(kubernetes.url.rsplit(":", 1)[1]), timeout=60,
                                             context=ssl.create_default_context(cafile=str(kubernetes.ca)))

    def ask(attributes):
        connection.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", json.dumps({"spec": {
            "user": ACCOUNT, "groups": ["system:serviceaccounts", "system:serviceaccounts:agents", "system:authenticated"],
            "resourceAttributes": attributes}}), {"Authorization": "Bearer " + kubernetes.tokens["admin"],
                                                  "Content-Type": "application/json"})
        answer = connection.getresponse()
        body = json.loads(answer.read())
        assert answer.status == 201, body
        return body

    with contextlib.closing(connection):
        yield ask


class Rbac(unittest.TestCase):
    def test_the_api_allows_exactly_what_the_manifest_does(self):
        done = roles(manifest({"rules": RULES[:2]}, {"rules": RULES[2:]}), "--service-account", "agents/gatherer")
        self.assertEqual(done.returncode, 0, done.stderr)
        kubernetes.kubectl("apply", "-f", "-", text=done.stdout)
        ask_review = self.enterContext(reviewer())
        wrong, asked = [], 0
        for verb, resource, namespace, name in itertools.product(VERBS, RESOURCES, ["", "open", "default", "kube-system"],
                                                                 ["", "mine", "system:x", "other"]):
            path, _, subresource = resource.partition("/")
            plural, _, group = path.partition(".")
            body = ask_review({"verb": verb, "group": group, "resource": plural, "subresource": subresource,
                               "namespace": namespace, "name": name})
            asked += 1
            if body["status"]["allowed"] != allowed(verb, resource, namespace, name):
                wrong.append((verb, resource, namespace, name))
        self.assertEqual(wrong, [])
        self.assertGreater(asked, 1500)

    def test_the_account_is_one_that_kubectl_can_ask_for(self):
        done = roles(manifest(RULES[0]), "--service-account", "open/other")
        kubernetes.kubectl("apply", "-f", "-", text=done.stdout)
        for arguments, expected in ((("list", "nodes"), "yes"), (("delete", "pods", "-n", "open"), "no")):
            said = kubernetes.kubectl("auth", "can-i", *arguments, "--as", "system:serviceaccount:open:other", check=False)
            self.assertEqual(said.stdout.strip(), expected, arguments)

    def test_what_cannot_be_made_is_said(self):
        for made, flags, expected in (
                (manifest(), (), "no workloads"), (manifest({}), (), "no workload is granted anything of a Kubernetes API"),
                (manifest(RULES[0]), ("--service-account", "gatherer"), "write NAMESPACE/NAME"),
                (manifest(RULES[0]), ("--service-account", "a/B"), "write NAMESPACE/NAME"),
                (manifest(RULES[0], {**RULES[1], "context": "b"}), (), "names another kubeconfig or context"),
                (manifest({**RULES[0], "verbs": ["read"]}), (), "must be get, list")):
            done = roles(made, *flags)
            if expected == "no workloads":
                self.assertNotEqual(done.returncode, 0)
                continue
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertIn(expected, done.stderr)
            self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    unittest.main()
