"""Objects for tests and benchmarks, made through the real API, many at once."""
import concurrent.futures
import http.client
import json
import threading
import urllib.parse


class Seeder:
    """Makes objects over kept connections. Use as a context; leaving it waits for all of them."""

    def __init__(self, kubernetes, threads=16):
        self._kubernetes, self._own = kubernetes, threading.local()
        self._pool = concurrent.futures.ThreadPoolExecutor(threads)
        self._made, self._connections = [], []

    def __enter__(self):
        return self

    def __exit__(self, failed, *_):
        self._pool.shutdown(cancel_futures=failed is not None)
        for connection in self._connections:
            connection.close()
        if failed is None:
            for made in self._made:
                made.result()

    def make(self, path, value, status=None):
        """A `status` is written to the object's subresource after it was made."""
        self._made.append(self._pool.submit(self._make, path, value, status))

    def _make(self, path, value, status):
        made = self._send("POST", path, value)
        if status is not None:
            self._send("PUT", f"{path}/{value['metadata']['name']}/status", {**made, "status": status})

    def _send(self, method, path, value):
        if not hasattr(self._own, "connection"):
            where = urllib.parse.urlsplit(self._kubernetes.url)
            self._own.connection = http.client.HTTPSConnection(where.hostname, where.port, context=self._kubernetes.tls, timeout=60)
            self._connections.append(self._own.connection)
        self._own.connection.request(method, path, json.dumps(value), {
            "Authorization": f"Bearer {self._kubernetes.tokens['admin']}", "Content-Type": "application/json"})
        answer = self._own.connection.getresponse()
        body = answer.read()
        assert answer.status in (200, 201), f"{method} {path}: {answer.status} {body[:500]}"
        return json.loads(body)


def pod(namespace, name, image="registry.test/app:1", bytes_more=0, env=()):
    """`bytes_more` go into an annotation."""
    return {"metadata": {"name": name, "namespace": namespace, "labels": {"app": name.rsplit("-", 1)[0]},
                         "annotations": {"test/text": "x" * bytes_more} if bytes_more else {}},
            "spec": {"nodeName": "node-0", "containers": [{"name": "main", "image": image, "env": list(env),
                                                           "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}}}]}}


def running(image="registry.test/app:1", restarts=0, waiting=None):
    """A pod's status, as its node would write it."""
    state = {"waiting": {"reason": waiting}} if waiting else {"running": {"startedAt": "2026-01-02T03:04:05Z"}}
    return {"phase": "Running", "podIP": "10.1.2.3", "podIPs": [{"ip": "10.1.2.3"}], "hostIP": "192.0.2.10", "startTime": "2026-01-02T03:04:00Z",
            "conditions": [{"type": "Ready", "status": "False" if waiting else "True", "lastTransitionTime": "2026-01-02T03:04:06Z"}],
            "containerStatuses": [{"name": "main", "image": image, "ready": not waiting, "restartCount": restarts, "state": state,
                                   "imageID": f"{image.split(':')[0]}@sha256:{'0123456789abcdef' * 4}", "lastState": {}}]}


def event(namespace, name, about, reason="Started", message="Started container main"):
    return {"metadata": {"name": name, "namespace": namespace}, "reason": reason, "message": message, "type": "Normal",
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": about},
            "firstTimestamp": "2026-01-02T03:04:05Z", "lastTimestamp": "2026-01-02T03:05:05Z", "count": 3,
            "source": {"component": "kubelet", "host": "node-0"}}


def config_map(namespace, name, data):
    return {"metadata": {"name": name, "namespace": namespace}, "data": data}
