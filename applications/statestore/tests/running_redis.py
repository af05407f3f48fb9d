"""A real redis-server on this machine, without a disk."""
import socket
import subprocess
import time

from running_berth import free_port


class RunningRedis:
    """Use as a context. Attribute: port."""

    def __enter__(self):
        self.port = free_port()
        self._process = subprocess.Popen(["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--save", "",
                                          "--appendonly", "no", "--logfile", "/dev/null", "--dir", "/tmp"])
        until = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            except OSError:
                assert time.monotonic() < until, "redis-server does not listen"
                time.sleep(0.02)

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait(30)
