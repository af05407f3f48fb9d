"""Every gatherer of applications/gather/berth.yaml against a real Kubernetes API: the records are what the API has."""
import http.server
import json
import os
import pathlib
import re
import subprocess
import tempfile
import threading
import unittest

from seeded_cluster import CLUSTER_ID, ROOT, SECRET, Archive, pod, shared_cluster

BERTH = pathlib.Path(os.environ["BERTH_BUILD"]) / "berth"
# The store of this program alone: nothing of earlier runs is the last good version of anything.
cache = tempfile.TemporaryDirectory(prefix="berth-cache-")
os.environ["XDG_CACHE_HOME"] = cache.name
# Records that are the API's own objects: a path's pattern, and the list that they come from.
OBJECTS = {
    r"config/certificatesigningrequests/([^/]+)\.json": "/apis/certificates.k8s.io/v1/certificatesigningrequests",
    r"cluster-scoped-resources/rbac\.authorization\.k8s\.io/clusterrolebindings/([^/]+)\.json": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    r"cluster-scoped-resources/rbac\.authorization\.k8s\.io/clusterroles/([^/]+)\.json": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    r"config/crd/([^/]+)\.json": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    r"cluster-scoped-resources/networking\.k8s\.io/ingressclasses/([^/]+)\.json": "/apis/networking.k8s.io/v1/ingressclasses",
    r"namespaces/([^/]+)/batch/jobs/([^/]+)\.json": "/apis/batch/v1/jobs",
    r"namespaces/([^/]+)/core/limitranges/([^/]+)\.json": "/api/v1/limitranges",
    r"config/mutatingwebhookconfigurations/([^/]+)\.json": "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    r"cluster-scoped-resources/core/namespaces/([^/]+)\.json": "/api/v1/namespaces",
    r"namespaces/([^/]+)/core/persistentvolumeclaims/([^/]+)\.json": "/api/v1/persistentvolumeclaims",
    r"config/persistentvolumes/([^/]+)\.json": "/api/v1/persistentvolumes",
    r"config/pdbs/([^/]+)/([^/]+)\.json": "/apis/policy/v1/poddisruptionbudgets",
    r"config/pod/([^/]+)/([^/]+)\.json": "/api/v1/pods",
    r"cluster-scoped-resources/scheduling\.k8s\.io/priorityclasses/([^/]+)\.json": "/apis/scheduling.k8s.io/v1/priorityclasses",
    r"namespaces/([^/]+)/core/resourcequotas/([^/]+)\.json": "/api/v1/resourcequotas",
    r"config/storage/storageclasses/([^/]+)\.json": "/apis/storage.k8s.io/v1/storageclasses",
    r"config/validatingwebhookconfigurations/([^/]+)\.json": "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    r"config/clusteroperator/([^/]+)\.json": "/apis/config.openshift.io/v1/clusteroperators",
}


def gather(cluster, manifest, folder):
    """(Archive, what was printed, exit code)"""
    archive = pathlib.Path(folder) / "archive.tar.gz"
    done = subprocess.run([BERTH, "gather", manifest, "--once", "-o", archive], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig)})
    return Archive(archive) if archive.exists() else None, done.stdout + done.stderr, done.returncode


RULES = {
    "version": "test-1",
    "conditional_gathering_rules": [
        {"conditions": [{"type": "cluster_version_matches", "cluster_version_matches": {"version": ">=4.17.0 <4.18.0"}}],
         "gathering_functions": {"logs_of_namespace": {"namespace": "openshift-logs", "tail_lines": 3}}},
        {"conditions": [{"type": "cluster_version_matches", "cluster_version_matches": {"version": ">=4.18.0"}}],
         "gathering_functions": {"logs_of_namespace": {"namespace": "openshift-none", "tail_lines": 3}}},
        {"conditions": [{"type": "alert_is_firing", "alert": {"name": "Crash"}}],
         "gathering_functions": {"containers_logs": {"alert_name": "Crash", "tail_lines": 2, "previous": True},
                                 "pod_definition": {"alert_name": "Crash"}}},
        {"conditions": [{"type": "alert_is_firing", "alert": {"name": "Removed"}}],
         "gathering_functions": {"api_request_counts_of_resource_from_alert": {"alert_name": "Removed"}}}],
    "container_logs": [{"namespace": "openshift-logs", "pod_name_regex": "^chatty-[0-9]+$", "messages": ["line [12]$", "never"], "previous": False}]}


class Prometheus(http.server.BaseHTTPRequestHandler):
    """Alerts as a Prometheus says them. One that really fires is in agent_test.py; here it must be about a pod of this cluster."""

    def do_GET(self):
        alert = {"labels": {"alertname": "Crash", "namespace": "bank", "pod": "vault-0"}, "annotations": {}, "state": "firing",
                 "activeAt": "2026-01-01T00:00:00Z", "value": "1"}
        gone = {**alert, "labels": {**alert["labels"], "pod": "gone-0"}}
        removed = {**alert, "labels": {"alertname": "Removed", "resource": "ships", "version": "v1beta1", "group": "old.example"}}
        body = json.dumps({"status": "success", "data": {"alerts": [alert, gone, alert, removed]}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def setUpModule():
    global cluster, folder, archive, said, code
    cluster = shared_cluster()
    folder = unittest.enterModuleContext(tempfile.TemporaryDirectory(prefix="berth-gather-"))
    archive, said, code = gather(cluster, ROOT / "applications/gather/berth.yaml", folder)
    assert archive is not None, said


class Gatherers(unittest.TestCase):
    maxDiff = 4000

    def record(self, path):
        self.assertIn(path, archive.records, said)
        return archive.records[path]

    def test_nothing_failed(self):
        self.assertEqual(code, 0, said)
        metadata = json.loads(self.record("insights-operator/gathers.json"))
        reports = {r["name"]: r for r in metadata["status_reports"]}
        self.assertEqual({n: r["errors"] for n, r in reports.items() if r["errors"] or r["panic"]}, {})
        self.assertGreaterEqual(len(reports), 28)
        self.assertEqual([r["name"] for r in reports.values() if r["warnings"]], ["openshift/cluster_operators"])
        self.assertIn("etcd has Degraded=True", str(reports["openshift/cluster_operators"]["warnings"]))

    def test_objects_are_the_apis_own(self):
        for pattern, path in OBJECTS.items():
            with self.subTest(path):
                listed = json.loads(cluster.request("GET", path)[2])
                kind = listed["kind"].removesuffix("List")
                expected = {}
                for item in listed["items"]:
                    item = {"apiVersion": listed["apiVersion"], "kind": kind, **item}
                    key = (item["metadata"]["namespace"],) if "namespace" in item["metadata"] else ()
                    expected[(*key, item["metadata"]["name"])] = item
                found = {}
                for name, text in archive.records.items():
                    # Names are trimmed by nobody here.
                    if match := re.fullmatch(pattern, name):
                        found[match.groups()] = json.loads(text)
                self.assertGreater(len(expected), 0)
                self.assertEqual(found.keys(), expected.keys())
                for key, item in expected.items():
                    if kind == "CertificateSigningRequest":  # whose subject no archive holds
                        item["spec"]["request"] = "x" * len(item["spec"]["request"])
                    self.assertEqual(found[key], item)

    def test_nodes_keep_no_serial_numbers(self):
        node = json.loads(self.record("config/node/node-0.json"))
        self.assertEqual(node["metadata"]["name"], "node-0")
        self.assertEqual(node["status"]["nodeInfo"]["systemUUID"], "x" * 13)
        self.assertEqual(node["status"]["nodeInfo"]["bootID"], "x" * 13)

    def test_config_maps(self):
        self.assertEqual(self.record("config/configmaps/shop/settings/app.yaml"), b"a: 1\n")
        self.assertEqual(self.record("config/configmaps/shop/settings/text").decode(), "häßlich \u2603")
        self.assertEqual(self.record("config/configmaps/shop/settings/raw"), bytes(range(256)))

    def test_events(self):
        bank = json.loads(self.record("events/bank.json"))["items"]
        self.assertEqual(bank, [{"namespace": "bank", "lastTimestamp": "2026-01-02T03:05:05Z", "reason": "BackOff",
                                 "message": 'Back-off "restarting"\nfailed', "type": "Normal"}])
        self.assertEqual(len(json.loads(self.record("events/shop.json"))["items"]), 3)

    def test_logs_of_what_fails(self):
        folder = "config/pod/bank/logs/vault-0/main_"
        self.assertEqual(self.record(folder + "current.log").decode().splitlines()[0], "bank/vault-0/main current line 0")
        self.assertEqual(self.record(folder + "previous.log").decode().splitlines()[-1], "bank/vault-0/main previous line 4")
        self.assertEqual([n for n in archive.records if n.startswith("config/pod/shop/logs/")], [])

    def test_images_and_shapes(self):
        running = json.loads(self.record("config/running_containers.json"))
        self.assertEqual(sorted(running["images"].values()), ["registry.test/app:1", "registry.test/vault:2"])
        self.assertEqual(sum(sum(c.values()) for c in running["containers"].values()), 4)
        workloads = json.loads(self.record("config/workload_info.json"))
        self.assertEqual((workloads["pods"], workloads["imageCount"]), (4, 1))
        import hashlib
        shop = workloads["namespaces"][hashlib.sha256(b"shop").hexdigest()[:12]]
        self.assertEqual((shop["count"], shop["shapes"][0]["duplicates"], shop["shapes"][0]["restartAlways"]), (3, 2, True))

    def test_accounts_and_versions(self):
        accounts = json.loads(self.record("config/serviceaccounts.json"))["serviceAccounts"]
        self.assertEqual(accounts["namespaces"]["shop"]["one"], {"secrets": 1})
        self.assertEqual(accounts["TOTAL_COUNT"], sum(len(n) for n in accounts["namespaces"].values()))
        self.assertEqual(json.loads(self.record("config/kubernetes_version.json"))["gitVersion"], "v1.34.4")
        self.assertEqual(self.record("config/id").decode(), CLUSTER_ID)
        self.assertEqual(json.loads(self.record("config/version.json"))["status"]["desired"]["version"], "4.17.3")

    def test_go_and_javascript(self):
        conditions = json.loads(self.record("aggregated/operator_conditions.json"))
        self.assertEqual(conditions["Degraded"], {"False": {"dns": "2026-01-02T03:04:05Z"}, "True": {"etcd": "2026-01-02T03:04:05Z"}})
        self.assertEqual(json.loads(self.record("aggregated/operator_versions.json")), {"operator": {"4.17.3": ["dns", "etcd"]}})

    def test_what_rules_ask_for(self):
        cluster.make("/api/v1/namespaces", {"metadata": {"name": "openshift-logs"}})
        for name in ("chatty-1", "quiet-1"):
            cluster.make("/api/v1/namespaces/openshift-logs/pods", pod("openshift-logs", name))
        counts = "apirequestcounts.apiserver.openshift.io"
        cluster.kubectl("create", "-f", "-", text=json.dumps({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": counts}, "spec": {
                "group": "apiserver.openshift.io", "names": {"kind": "APIRequestCount", "plural": "apirequestcounts"}, "scope": "Cluster",
                "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                    "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}}))
        cluster.kubectl("wait", "--for=condition=Established", "crd/" + counts)
        cluster.make("/apis/apiserver.openshift.io/v1/apirequestcounts", {
            "apiVersion": "apiserver.openshift.io/v1", "kind": "APIRequestCount", "metadata": {"name": "ships.v1beta1.old.example"},
            "status": {"removedInRelease": "1.40", "requestCount": 12, "last24h": [{"requestCount": 3}, {"requestCount": 4}]}})
        self.addCleanup(cluster.kubectl, "delete", "crd", counts)
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Prometheus) as prometheus, tempfile.TemporaryDirectory() as folder:
            threading.Thread(target=prometheus.serve_forever, daemon=True).start()
            folder = pathlib.Path(folder)
            (folder / "rules.json").write_text(json.dumps(RULES))
            text = (ROOT / "applications/gather/berth.yaml").read_text().replace("../../build", os.environ["BERTH_BUILD"])
            text = text.replace("      - gather: {}", "      - gather: { gatherers: [] }")
            url = f"http://127.0.0.1:{prometheus.server_port}"
            (folder / "berth.yaml").write_text(text.replace(
                "  directory: archives\n", f'  directory: archives\n  rules: {{ file: rules.json, prometheus: {{ url: "{url}", addresses: [127.0.0.1] }} }}\n'))
            asked, said, code = gather(cluster, folder / "berth.yaml", folder)
            prometheus.shutdown()
        self.assertEqual(code, 0, said)
        found = {name: text.decode() for name, text in asked.records.items() if name.startswith(("conditional/", "namespaces/"))}
        wanted = {f"conditional/namespaces/openshift-logs/pods/{name}-1/containers/main/logs/last-3-lines.log" for name in ("chatty", "quiet")}
        self.assertLessEqual(wanted, found.keys(), said)
        self.assertEqual(found["conditional/namespaces/bank/pods/vault-0/containers/main/logs-previous/last-2-lines.log"].count("\n"), 2)
        self.assertEqual(json.loads(found["conditional/namespaces/bank/pods/vault-0/vault-0.json"])["metadata"]["name"], "vault-0")
        self.assertEqual(found["namespaces/openshift-logs/pods/chatty-1/main/current.log"],
                         "openshift-logs/chatty-1/main current line 1\nopenshift-logs/chatty-1/main current line 2\n")
        self.assertEqual(json.loads(found["conditional/alerts/Removed/api_request_counts.json"]), [
            {"resource": "ships.v1beta1.old.example", "removed_in_release": "1.40", "total_request_count": 12, "last_day_request_count": 7}])
        self.assertEqual([n for n in found if n.startswith("namespaces/openshift-logs/pods/quiet") or "bank/pods/vault-0/containers/main/logs/" in n or "gone" in n], [])

    def test_once_runs_what_the_source_has_now(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            readers = (BERTH.parent / "guests/gather_readers.wasm").read_bytes()
            (folder / "berth.yaml").write_text("workloads: {a: {source: file:a.wasm, grants: {kubernetes: {}}, triggers: [gather: {gatherers: [build]}]}}\n"
                                               "store: {path: store}\n")
            for build in (b"build-0001", b"build-0002"):
                (folder / "a.wasm").write_bytes(readers.replace(b"build-0000", build))
                run, said, _ = gather(cluster, folder / "berth.yaml", folder)
                self.assertEqual(run.records["build.txt"], build, said)
            (folder / "a.wasm").unlink()
            # Without it, what proved good; the second did not run for long enough.
            run, said, _ = gather(cluster, folder / "berth.yaml", folder)
            self.assertEqual(run.records["build.txt"], b"build-0001", said)

    def test_the_documentation_is_what_they_say(self):
        done = subprocess.run([BERTH, "gather", "docs", ROOT / "applications/gather/berth.yaml"], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.stdout, (ROOT / "docs/reference/gathered.md").read_text(),
                         "build/berth gather docs applications/gather/berth.yaml > docs/reference/gathered.md")

    def test_no_credential_and_no_secret_anywhere(self):
        needles = [token.encode() for token in cluster.tokens.values()] + [SECRET.encode()]
        for name in ("client.key", "ca.key"):
            needles += [line for line in (cluster.folder / name).read_bytes().splitlines() if not line.startswith(b"-")]
        for needle in needles:
            self.assertGreater(len(needle), 10)
            for name, text in archive.records.items():
                self.assertNotIn(needle, text, name)
            self.assertNotIn(needle.decode(), said)


if __name__ == "__main__":
    unittest.main()
