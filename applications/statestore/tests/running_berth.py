"""`berth up` on one of the application's manifests, with its own ports and its own copy of the component."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ["BERTH_BUILD"])
KEYVALUE_STORE = BUILD / "guests/keyvalue_store.wasm"
STORES = [BUILD / "guests/store_1.wasm", BUILD / "guests/store_2.wasm"]
START_SECONDS = 60
SWAP_SECONDS = 30


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class RunningBerth:
    """Use as a context. Attributes: http_port, grpc_port, component, folder.

    `trigger` is more of the trigger `state`, such as "component-socket: sockets"; `store` is its name.
    `manifest` is one of berth.yaml, sqlite.yaml and redis.yaml; `redis` the port for the last.
    """

    def __init__(self, memory=None, instances=None, trigger=None, store="statestore", manifest="berth.yaml", redis=None):
        self._temporary = tempfile.TemporaryDirectory(prefix="berth-statestore-")
        self.folder = pathlib.Path(self._temporary.name)
        self.component = self.folder / "store.wasm"
        self.http_port, self.grpc_port = free_port(), free_port()
        text = (ROOT / "applications/statestore" / manifest).read_text()
        self._first = STORES[0] if manifest == "berth.yaml" else KEYVALUE_STORE
        text = re.sub(r"sqlite: [^ ,]+", "sqlite: state.db", text)
        text = re.sub(r"source: file:\S+", "source: file:store.wasm", text)
        ports = [(3500, self.http_port), (50001, self.grpc_port), (9464, free_port())]
        for port, own in ports + ([(6379, redis)] if redis else []):
            text, found = re.subn(rf"127\.0\.0\.1:{port}\b", f"127.0.0.1:{own}", text)
            assert found, f"{manifest} no longer names port {port}"
        if instances:
            text, found = re.subn(r"instances: \w+", f"instances: {instances}", text)
            assert found
        state = f"state: {{ store: {store}," + (f" {trigger}," if trigger else "")
        text = text.replace("state: { store: statestore,", state)
        if memory:
            text = re.sub(r"memory: \w+", f"memory: {memory}", text)
        (self.folder / "berth.yaml").write_text(text + "control: { socket: control.sock }\nstore: { path: store }\n")

    def __enter__(self):
        shutil.copy(self._first, self.component)
        self._log = (self.folder / "berth.log").open("w+")
        return self.start()

    def start(self):
        """Again after kill()."""
        self._killed = False
        self._process = subprocess.Popen([BUILD / "berth", "up", self.folder / "berth.yaml"], cwd=self.folder,
                                         stdout=self._log, stderr=subprocess.STDOUT)
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                self._process.kill()
                raise AssertionError(f"berth up does not serve:\n{self.log()}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self._process.terminate()  # without effect after kill()
        try:
            code = self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        finally:
            log = self.log()
            self._log.close()
            self._temporary.cleanup()
        assert code == (-signal.SIGKILL if self._killed else 0), f"berth up ended with code {code}:\n{log}"

    def kill(self):
        """Ends it as a crash would."""
        self._process.kill()
        self._process.wait(30)
        self._killed = True

    def _answers(self):
        try:
            return self.call("GET", "/v1.0/healthz")[0] == 204
        except urllib.error.URLError:
            return False

    def log(self):
        return pathlib.Path(self._log.name).read_text()

    def call(self, method, path, body=None, headers=None):
        """-> (status, headers, body) of one HTTP call, whatever the status."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}{path}", method=method, data=body,
                                         headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, dict(response.headers), response.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()

    def save(self, *items):
        return self.call("POST", "/v1.0/state/statestore", json.dumps(list(items)).encode())

    def get(self, key):
        return self.call("GET", f"/v1.0/state/statestore/{key}")

    def workload(self):
        done = subprocess.run([BUILD / "berth", "status", "--json", "--socket", self.folder / "control.sock"],
                              capture_output=True, text=True, check=True)
        return json.loads(done.stdout)["workloads"][0]

    def replace(self, content):
        """The component's file becomes `content`, in one step, as a build would do it."""
        fresh = self.component.with_suffix(".new")
        fresh.write_bytes(content)
        os.replace(fresh, self.component)

    def swap(self, component):
        """Returns once calls go to `component`."""
        done = subprocess.run([BUILD / "berth", "swap", "store", component, "--socket", self.folder / "control.sock"],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def wait_for_swaps(self, ok):
        until = time.monotonic() + SWAP_SECONDS
        while True:
            workload = self.workload()
            if workload["swaps"]["ok"] >= ok:
                return workload
            if time.monotonic() > until:
                raise AssertionError(f"wanted {ok} swaps, have {workload['swaps']}:\n{self.log()}")
            time.sleep(0.05)

    def wait_for_refusals(self, number):
        until = time.monotonic() + SWAP_SECONDS
        while self.log().count("update refused") < number:
            if time.monotonic() > until:
                raise AssertionError(f"wanted {number} refused versions:\n{self.log()}")
            time.sleep(0.05)
