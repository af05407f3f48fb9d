#!/usr/bin/env python3
"""./dev demo: the state store under load while its component is replaced ten times.

usage: demo.py [--build FOLDER] [--swaps N] [--connections N]

Starts the real program on a copy of applications/statestore/berth.yaml (own ports, own folder), puts load
on it, replaces the component's file again and again with the other of two builds, and ends with a table.
Exit code 0 only when no call failed and no entry was lost.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MANIFEST = ROOT / "applications/statestore/berth.yaml"
SECONDS_BETWEEN_SWAPS = 0.3
SECONDS_FOR_A_SWAP = 10.0
SECONDS_TO_START = 30.0


class Trouble(Exception):
    """Something a person must read; the demo failed."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def write_manifest(folder, component):
    """The application's own manifest, but for where things are."""
    text = MANIFEST.read_text()
    text, sources = re.subn(r"source: file:\S+", f"source: file:{component.name}", text)
    ports = {}

    def other_port(match):
        return f"127.0.0.1:{ports.setdefault(match.group(1), free_port())}"

    text = re.sub(r"(?<=listen: )127\.0\.0\.1:(\d+)", other_port, text)
    if sources != 1 or "3500" not in ports:
        raise Trouble(f"{MANIFEST} no longer has one source and a listener on 127.0.0.1:3500")
    file = folder / "berth.yaml"
    file.write_text(f"{text}\ncontrol: {{ socket: control.sock }}\nstore: {{ path: store }}\n")
    return file, ports["3500"]


class RunningHost:
    """`berth up` in the background."""

    def __init__(self, program, folder, manifest, port):
        self.program, self.socket, self.log = program, folder / "control.sock", folder / "berth.log"
        self.process = subprocess.Popen([program, "up", manifest], cwd=folder, stdout=subprocess.DEVNULL,
                                        stderr=self.log.open("w"))
        until = time.monotonic() + SECONDS_TO_START
        while True:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    return
            if self.process.poll() is not None or time.monotonic() > until:
                raise Trouble(f"berth up does not serve:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.05)

    def workload(self):
        done = subprocess.run([self.program, "status", "--json", "--socket", self.socket], capture_output=True, text=True)
        if done.returncode != 0:
            raise Trouble(f"berth status: {done.stderr}")
        return json.loads(done.stdout)["workloads"][0]

    def stop(self):
        self.process.terminate()
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return -1


def replace(component, build):
    """As a build would: the new file takes the old one's place in one step."""
    fresh = component.with_suffix(".new")
    shutil.copy(build, fresh)
    os.replace(fresh, component)


def swap(host, component, build, number):
    replace(component, build)
    until = time.monotonic() + SECONDS_FOR_A_SWAP
    while True:
        workload = host.workload()
        if workload["swaps"]["failed"]:
            raise Trouble(f"swap {number} failed: {workload['last_swap'].get('error')}")
        if workload["swaps"]["ok"] >= number:
            return workload["last_swap"]
        if time.monotonic() > until:
            raise Trouble(f"swap {number} did not happen within {SECONDS_FOR_A_SWAP:.0f} s")
        time.sleep(0.05)


def table(rows):
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name:<{width}}  {value:>12}" for name, value in rows)


def demonstrate(arguments, folder):
    build = arguments.build
    builds = [build / "guests/store_1.wasm", build / "guests/store_2.wasm"]
    for file in (build / "berth", build / "state_load", *builds):
        if not file.exists():
            raise Trouble(f"{file} is missing: ./dev build")
    component = folder / "store.wasm"
    shutil.copy(builds[0], component)
    manifest, port = write_manifest(folder, component)
    host = RunningHost(build / "berth", folder, manifest, port)
    load = None
    try:
        at_most = SECONDS_TO_START + arguments.swaps * SECONDS_FOR_A_SWAP
        print(f"A state store on 127.0.0.1:{port}, {arguments.connections} clients; "
              f"its component is replaced {arguments.swaps} times meanwhile.\n", flush=True)
        load = subprocess.Popen([build / "state_load", "--address", f"127.0.0.1:{port}", "--store", "statestore",
                                 "--connections", str(arguments.connections), "--seconds", f"{at_most:.0f}", "--json"],
                                stdout=subprocess.PIPE, text=True)
        begin = time.monotonic()
        for number in range(1, arguments.swaps + 1):
            time.sleep(max(0.0, begin + number * SECONDS_BETWEEN_SWAPS - time.monotonic()))
            done = swap(host, component, builds[number % 2], number)
            print(f"  swap {number:2}: version {done['to'][:19]}, {done.get('handed_over_bytes', 0) / 1024:8.1f} KiB handed over, "
                  f"callers held back {done['pause_ms']:6.2f} ms", flush=True)
        time.sleep(SECONDS_BETWEEN_SWAPS)
        load.terminate()
        output, _ = load.communicate(timeout=30)
        result = json.loads(output)
    finally:
        if load and load.poll() is None:
            load.kill()
        code = host.stop()
    print("\n" + table([("calls", f"{result['calls']:,}"), ("p50", f"{result['p50_us'] / 1000:.2f} ms"),
                        ("p99", f"{result['p99_us'] / 1000:.2f} ms"), ("longest", f"{result['max_us'] / 1000:.2f} ms"),
                        ("swaps", arguments.swaps), ("failed", result["failed"]), ("lost", result["lost"]),
                        ("out of order", result["out_of_order"])]))
    if result["failed"] or result["lost"] or result["out_of_order"]:
        raise Trouble(f"a call went wrong: {result.get('first_error', '')}")
    if not result["calls"]:
        raise Trouble("no call was made")
    if code != 0:
        raise Trouble(f"berth up ended with code {code}:\n{host.log.read_text()[-2000:]}")


def main():
    parser = argparse.ArgumentParser(description="The state store under load while its component is replaced.")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--swaps", type=int, default=10)
    parser.add_argument("--connections", type=int, default=8)
    arguments = parser.parse_args()
    arguments.build = arguments.build.resolve()
    with tempfile.TemporaryDirectory(prefix="berth-demo-") as folder:
        try:
            demonstrate(arguments, pathlib.Path(folder))
        except Trouble as trouble:
            print(f"demo: {trouble}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
