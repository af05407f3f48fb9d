"""A real Kubernetes API with something of every kind that the gatherers read, and a kubelet that has logs."""
import base64
import http.server
import pathlib
import ssl
import sys
import threading
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/kubernetes"))
import running_kubernetes  # noqa: E402
from running_kubernetes import RunningKubernetes  # noqa: E402
from seeding import Seeder, config_map, event, pod, running  # noqa: E402

CLUSTER_ID = "9d4c3c1e-0000-4000-8000-2f6b1f6e0001"
SECRET = "s3cr3t-of-a-secret-0123456789"


class Kubelet:
    """What of a kubelet the API server asks for logs: /containerLogs. A real one needs a machine with a container runtime."""

    def __init__(self, kubernetes):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                where = urllib.parse.urlsplit(self.path)
                query = urllib.parse.parse_qs(where.query)
                _, kind, namespace, name, container = where.path.split("/")
                lines = int(query.get("tailLines", ["2"])[0])
                which = "previous" if query.get("previous") == ["true"] else "current"
                body = "".join(f"{namespace}/{name}/{container} {which} line {i}\n" for i in range(min(lines, 5))).encode()
                self.send_response(200 if kind == "containerLogs" else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(kubernetes.folder / "server.pem", kubernetes.folder / "server.key")
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def operator(name, **conditions):
    status = {"conditions": [{"type": t, "status": s, "reason": "AsExpected", "message": f"{name} is {t}={s}",
                              "lastTransitionTime": "2026-01-02T03:04:05Z"} for t, s in conditions.items()],
              "versions": [{"name": "operator", "version": "4.17.3"}], "relatedObjects": []}
    return {"apiVersion": "config.openshift.io/v1", "kind": "ClusterOperator", "metadata": {"name": name}, "spec": {}}, status


class SeededCluster(RunningKubernetes):
    def __enter__(self):
        super().__enter__()
        try:
            self.kubelet = Kubelet(self)
            self._seed()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *arguments):
        if hasattr(self, "kubelet"):
            self.kubelet.close()
        super().__exit__(*arguments)

    def put_status(self, path, thing, status):
        code, _, body = self.request("PUT", path + "/status", {**thing, "status": status})
        assert code == 200, body

    def _seed(self):
        for name in ("shop", "bank"):
            self.make("/api/v1/namespaces", {"metadata": {"name": name}})
        for name in ("clusteroperators", "clusterversions"):
            self.kubectl("create", "-f", ROOT / f"applications/gather/crds/{name}.yaml")
            self.kubectl("wait", "--for=condition=Established", f"crd/{name}.config.openshift.io")
        node = self.make("/api/v1/nodes", {"metadata": {"name": "node-0"}})
        self.put_status("/api/v1/nodes/node-0", node, {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}], "daemonEndpoints": {"kubeletEndpoint": {"Port": self.kubelet.port}},
            "nodeInfo": {"machineID": "m", "systemUUID": "5a5a5a5a-1111", "bootID": "b00tb00t-2222", "kernelVersion": "6.1", "osImage": "o",
                         "containerRuntimeVersion": "c", "kubeletVersion": "v1.34.4", "kubeProxyVersion": "", "operatingSystem": "linux", "architecture": "amd64"}})
        with Seeder(self) as seeder:
            for i in range(3):
                seeder.make("/api/v1/namespaces/shop/pods", pod("shop", f"web-{i}"), running())
                seeder.make("/api/v1/namespaces/shop/events", event("shop", f"web-{i}.1", f"web-{i}"))
            seeder.make("/api/v1/namespaces/bank/pods", pod("bank", "vault-0", image="registry.test/vault:2"),
                        running(image="registry.test/vault:2", restarts=4, waiting="CrashLoopBackOff"))
            seeder.make("/api/v1/namespaces/bank/events", event("bank", "vault-0.1", "vault-0", "BackOff", 'Back-off "restarting"\nfailed'))
            seeder.make("/api/v1/namespaces/shop/configmaps", {**config_map("shop", "settings", {"app.yaml": "a: 1\n", "text": "häßlich \u2603"}),
                                                             "binaryData": {"raw": base64.b64encode(bytes(range(256))).decode()}})
            seeder.make("/api/v1/namespaces/shop/secrets", {"metadata": {"name": "password"}, "stringData": {"password": SECRET}})
            for name in ("one", "two"):
                seeder.make("/api/v1/namespaces/shop/serviceaccounts", {"metadata": {"name": name}, "secrets": [{"name": "x"}]})
            seeder.make("/apis/certificates.k8s.io/v1/certificatesigningrequests", {"metadata": {"name": "request"}, "spec": {
                "signerName": "test.example/signer", "usages": ["client auth"],
                "request": base64.b64encode((self.folder / "client.csr").read_bytes()).decode()}})
            seeder.make("/apis/storage.k8s.io/v1/storageclasses", {"metadata": {"name": "fast"}, "provisioner": "test/none"})
            seeder.make("/api/v1/persistentvolumes", {"metadata": {"name": "disk"}, "spec": {
                "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/disk"}}})
            seeder.make("/api/v1/namespaces/shop/persistentvolumeclaims", {"metadata": {"name": "claim"}, "spec": {
                "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}})
            seeder.make("/apis/policy/v1/namespaces/shop/poddisruptionbudgets", {"metadata": {"name": "web"}, "spec": {
                "minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}})
            hook = {"name": "hook.test.example", "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Ignore",
                    "clientConfig": {"url": "https://127.0.0.1:1/none"}, "rules": [{"apiGroups": ["none.test"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["nones"]}]}
            for kind in ("validating", "mutating"):
                seeder.make(f"/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations", {"metadata": {"name": "hook"}, "webhooks": [hook]})
            seeder.make("/apis/scheduling.k8s.io/v1/priorityclasses", {"metadata": {"name": "urgent"}, "value": 1000})
            seeder.make("/apis/networking.k8s.io/v1/ingressclasses", {"metadata": {"name": "front"}, "spec": {"controller": "test/front"}})
            seeder.make("/apis/batch/v1/namespaces/shop/jobs", {"metadata": {"name": "nightly"}, "spec": {"template": {"spec": {
                "restartPolicy": "Never", "containers": [{"name": "main", "image": "registry.test/job:1"}]}}}})
            seeder.make("/api/v1/namespaces/shop/resourcequotas", {"metadata": {"name": "quota"}, "spec": {"hard": {"pods": "100"}}})
            seeder.make("/api/v1/namespaces/shop/limitranges", {"metadata": {"name": "limits"}, "spec": {"limits": [
                {"type": "Container", "defaultRequest": {"cpu": "10m"}}]}})
        self._seed_openshift()

    def _seed_openshift(self):
        base = "/apis/config.openshift.io/v1/"
        for thing, status in (operator("dns", Available="True", Degraded="False"), operator("etcd", Available="True", Degraded="True")):
            made = self.make(base + "clusteroperators", thing)
            self.put_status(base + "clusteroperators/" + thing["metadata"]["name"], made, status)
        made = self.make(base + "clusterversions", {"apiVersion": "config.openshift.io/v1", "kind": "ClusterVersion",
                                                    "metadata": {"name": "version"}, "spec": {"clusterID": CLUSTER_ID, "channel": "stable-4.17"}})
        self.put_status(base + "clusterversions/version", made, {
            "desired": {"version": "4.17.3"}, "observedGeneration": 1, "versionHash": "h",
            "history": [{"state": "Completed", "version": "4.17.3", "startedTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T01:00:00Z", "verified": True}]})


def shared_cluster():
    """The one of all modules of a program."""
    return running_kubernetes.shared(SeededCluster)


class Archive:
    """Records by path."""

    def __init__(self, file):
        import tarfile
        with tarfile.open(file) as tar:
            self.members = tar.getmembers()
            self.records = {m.name: tar.extractfile(m).read() for m in self.members}
