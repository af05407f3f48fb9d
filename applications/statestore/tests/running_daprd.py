"""daprd with one state component, on ports of its own."""
import os
import pathlib
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from running_berth import free_port

DAPRD = pathlib.Path(os.environ["BERTH_SERVERS"]) / "daprd"
START_SECONDS = 60
COMPONENT = """apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {{ name: statestore }}
spec:
  type: state.{type}
  version: v1
  metadata: {metadata}
"""


class RunningDaprd:
    """Use as a context. Attributes: http_port, grpc_port.

    The component `statestore` is of type state.TYPE, which is a socket in the folder `sockets`, or "in-memory".
    """

    def __init__(self, type, sockets=None, metadata=None):
        self._temporary = tempfile.TemporaryDirectory(prefix="berth-daprd-")
        self._folder = pathlib.Path(self._temporary.name)
        self.http_port, self.grpc_port = free_port(), free_port()
        entries = [{"name": name, "value": value} for name, value in (metadata or {}).items()]
        (self._folder / "component.yaml").write_text(COMPONENT.format(type=type, metadata=entries))
        self._environment = os.environ | {"DAPR_COMPONENTS_SOCKETS_FOLDER": str(sockets or self._folder / "none")}

    def start(self):
        """-> whether it serves; otherwise it has ended, and log() says why."""
        self._log = (self._folder / "daprd.log").open("w+")
        self._process = subprocess.Popen(
            [DAPRD, "--app-id", "checkout", "--mode", "standalone", "--resources-path", self._folder,
             "--dapr-http-port", str(self.http_port), "--dapr-grpc-port", str(self.grpc_port),
             "--dapr-internal-grpc-port", str(free_port()), "--dapr-listen-addresses", "127.0.0.1",
             "--dapr-internal-grpc-listen-address", "127.0.0.1", "--dapr-graceful-shutdown-seconds", "1",
             "--enable-metrics=false"],
            cwd=self._folder, stdout=self._log, stderr=subprocess.STDOUT, env=self._environment)
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                url = f"http://127.0.0.1:{self.http_port}/v1.0/healthz/outbound"
                with urllib.request.urlopen(url, timeout=5) as response:
                    return response.status == 204
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.05)
        return False

    def stop(self):
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        finally:
            self._log.close()
            self._temporary.cleanup()

    def __enter__(self):
        if not self.start():
            log = self.log()
            self.stop()
            raise AssertionError(f"daprd does not serve:\n{log}")
        return self

    def __exit__(self, *_):
        self.stop()

    def log(self):
        return pathlib.Path(self._log.name).read_text()
