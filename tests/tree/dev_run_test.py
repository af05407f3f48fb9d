#!/usr/bin/env python3
"""Runs `./dev run` as the README shows it, in a tree that is built, and uses what it serves.

usage: dev_run_test.py SOURCE_DIR
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

STORE = "http://127.0.0.1:3500/v1.0/state/statestore"
SECONDS_TO_START = 60


def answers(process):
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until and process.poll() is None:
        try:
            request = urllib.request.Request(STORE, json.dumps([{"key": "ship", "value": "Fram"}]).encode(), method="POST")
            urllib.request.urlopen(request, timeout=5)
            with urllib.request.urlopen(f"{STORE}/ship", timeout=5) as reply:
                return reply.read()
        except OSError:
            time.sleep(0.2)
    return None


def main():
    source = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(["./dev", "run"], cwd=source, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        try:
            got = answers(process)
            os.killpg(process.pid, signal.SIGINT)  # Ctrl-C
            code = process.wait(30)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        log.seek(0)
        if got != b'"Fram"' or code != 0:
            print(f"./dev run answered {got!r} and ended with code {code}:\n{log.read()}", file=sys.stderr)
            return 1
    print("./dev run serves, and ends with Ctrl-C")
    return 0


if __name__ == "__main__":
    sys.exit(main())
