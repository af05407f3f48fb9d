"""Gathering from a real Kubernetes API: prints one JSON object for each figure. gathering.cc runs it and reports them."""
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/kubernetes"))
from running_kubernetes import PROGRAM, RunningKubernetes  # noqa: E402
from seeding import Seeder, config_map, event, pod, running  # noqa: E402

BUILD = pathlib.Path(os.environ["BERTH_BUILD"])
ROUNDS = 5
READERS = 8


def manifest(folder, name, workloads, archive="256MiB"):
    """`workloads`: name -> (component, resources, gatherers)."""
    text = "workloads:\n"
    for workload, (component, resources, gatherers) in workloads.items():
        text += (f"  {workload}:\n    source: file:{BUILD}/guests/{component}.wasm\n    limits: {{ call: 5m }}\n"
                 f"    grants: {{ kubernetes: {{ verbs: [list], resources: [{', '.join(resources)}], namespaces: ['*'] }} }}\n"
                 f"    triggers: [ {{ gather: {{ gatherers: [{', '.join(gatherers)}] }} }} ]\n")
    text += f"gather: {{ directory: archives, concurrency: 8, limits: {{ archive: {archive} }} }}\nstore: {{ path: store }}\ntelemetry: {{ log: {{ level: error }} }}\n"
    file = folder / f"{name}.yaml"
    file.write_text(text)
    return file


def run(command, kubernetes, output):
    """(seconds, peak KiB of memory)"""
    begin = time.monotonic()
    with open(output, "wb") as out, tempfile.TemporaryFile() as said:
        process = subprocess.Popen([str(c) for c in command], stdout=out, stderr=said,
                                   env={**os.environ, "KUBECONFIG": str(kubernetes.kubeconfig)})
        peak = 0
        # Not getrusage: until a new process has its program, it counts as large as ours.
        while process.poll() is None:
            with contextlib.suppress(FileNotFoundError, StopIteration):
                lines = pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines()
                if os.readlink(f"/proc/{process.pid}/exe") == os.path.realpath(command[0]):
                    peak = int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])
            time.sleep(0.002)
        said.seek(0)
        assert process.returncode == 0, f"{command}: {said.read().decode()[-2000:]}"
    return time.monotonic() - begin, peak


def gather(manifest_file, kubernetes, folder):
    return run([BUILD / "berth", "gather", manifest_file, "--once", "-o", folder / "archive.tar.gz"], kubernetes, os.devnull)


def figure(**values):
    print(json.dumps(values), flush=True)


def against_kubectl(kubernetes, folder):
    """5,000 pods with an event each, and 1,000 config maps: all of them into an archive, and by kubectl into a file."""
    with Seeder(kubernetes, threads=32) as seeder:
        for i in range(5_000):
            seeder.make(f"/api/v1/namespaces/n{i % 10}/pods", pod(f"n{i % 10}", f"app-{i}"), running())
            seeder.make(f"/api/v1/namespaces/n{i % 10}/events", event(f"n{i % 10}", f"app-{i}.1", f"app-{i}"))
        for i in range(1_000):
            seeder.make(f"/api/v1/namespaces/n{i % 10}/configmaps", config_map(f"n{i % 10}", f"map-{i}", {"a": "x" * 200, "b": str(i)}))
    ours = manifest(folder, "full", {"core": ("gather_core", ["pods", "events", "configmaps"], ["pods", "events", "config_maps"])})
    theirs = [PROGRAM, "kubectl", "get", "pods,events,configmaps", "-A", "-o", "json"]
    gather(ours, kubernetes, folder)  # compiles
    a, b, ratios = [], [], []
    for _ in range(ROUNDS):
        a.append(gather(ours, kubernetes, folder)[0])
        b.append(run(theirs, kubernetes, folder / "kubectl.json")[0])
        ratios.append(a[-1] / b[-1])
    figure(name="gather_vs_kubectl", value=statistics.median(a), unit="s", peer="kubectl get -o json", peer_value=statistics.median(b),
           ratio=statistics.median(ratios), max_ratio=1.2)


def list_once(kubernetes, folder):
    """Requests for pods of eight gatherers beside one."""
    counts = []
    for readers in (1, READERS):
        file = manifest(folder, f"readers-{readers}", {"pods": ("gather_readers", ["pods"], [f"count_{i}" for i in range(readers)])})
        before = kubernetes.requests("pods")
        gather(file, kubernetes, folder)
        counts.append(kubernetes.requests("pods") - before)
    figure(name="gather_list_once", value=counts[1], unit="requests", peer="one gatherer", peer_value=counts[0],
           ratio=counts[1] / counts[0], max_ratio=1.1)


def memory(kubernetes, folder):
    """What the host takes at its peak while 20,000 objects of 5 KiB go through it, above the same program with nothing to gather."""
    with Seeder(kubernetes, threads=32) as seeder:
        for i in range(20_000):
            seeder.make("/api/v1/namespaces/big/configmaps", config_map("big", f"map-{i}", {"text": f"{i:06}" + "x" * 4_800}))
    full = manifest(folder, "big", {"core": ("gather_core", ["configmaps"], ["config_maps"])})
    idle = manifest(folder, "idle", {"core": ("gather_core", ["priorityclasses.scheduling.k8s.io"], ["priority_classes"])})
    peaks = {file: statistics.median(gather(file, kubernetes, folder)[1] for _ in range(3)) for file in (idle, full)}
    figure(name="gather_memory_mib", value=(peaks[full] - peaks[idle]) / 1024, unit="MiB", max=64)


def main():
    for name, component, most in (("gather_size_kib", "gather_core", 300), ("gather_size_kib_go", "gather_operators_go", 3000)):
        figure(name=name, value=(BUILD / f"guests/{component}.wasm").stat().st_size / 1024, unit="KiB", max=most)
    with RunningKubernetes() as kubernetes, tempfile.TemporaryDirectory(prefix="berth-bench-") as folder:
        for name in [f"n{i}" for i in range(10)] + ["big"]:
            kubernetes.make("/api/v1/namespaces", {"metadata": {"name": name}})
        folder = pathlib.Path(folder)
        against_kubectl(kubernetes, folder)
        list_once(kubernetes, folder)
        memory(kubernetes, folder)


if __name__ == "__main__":
    main()
