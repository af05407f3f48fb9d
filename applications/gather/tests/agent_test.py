"""The program with gatherers that do everything wrong: one archive, periods, kills, a full disk, uploads, a real
Prometheus. BERTH_KILLS says how often a host is killed (8)."""
import http.server
import json
import os
import pathlib
import random
import re
import resource
import signal
import socket
import subprocess
import tarfile
import tempfile
import threading
import time
import unittest
import urllib.request

BUILD = pathlib.Path(os.environ["BERTH_BUILD"])
CASES = BUILD / "guests/gather_cases.wasm"
KILLS = int(os.environ.get("BERTH_KILLS", "8"))
SECONDS = 60
METADATA = "insights-operator/gathers.json"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, seconds=SECONDS):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := what():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come to that in time")


def contents(archive):
    with tarfile.open(archive, "r:gz") as tar:
        return {m.name: tar.extractfile(m).read() for m in tar.getmembers()}


class Case(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="berth-gather-")
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.archives = self.folder / "insights"

    def manifest(self, gatherers="all", section="", call="1s", trigger="", more="", instances="fresh"):
        names = gatherers if isinstance(gatherers, str) else "[" + ", ".join(gatherers) + "]"
        (self.folder / "berth.yaml").write_text(f"""
workloads:
  cases:
    source: file:{CASES}
    instances: {instances}
    limits: {{ call: {call} }}
    triggers:
      - gather: {{ gatherers: {names}{trigger} }}
gather: {{ directory: insights{section} }}
control: {{ socket: control.sock }}
store: {{ path: store }}
{more}""")

    def berth(self, *args, code=0, **more):
        done = subprocess.run([BUILD / "berth", *args], cwd=self.folder, capture_output=True, text=True, timeout=SECONDS, **more)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def up(self):
        log = (self.folder / "berth.log").open("a")
        process = subprocess.Popen([BUILD / "berth", "up", "berth.yaml"], cwd=self.folder, stdout=log, stderr=log)
        self.addCleanup(log.close)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        if process.poll() is None:
            process.terminate()
            try:
                self.assertEqual(process.wait(SECONDS), 0, (self.folder / "berth.log").read_text())
            finally:
                process.kill()

    def whole(self):
        return sorted(self.archives.glob("insights-*.tar.gz")) if self.archives.exists() else []

    def status(self):
        done = subprocess.run([BUILD / "berth", "status", "--json", "--socket", "control.sock"], cwd=self.folder, capture_output=True)
        return json.loads(done.stdout).get("gather") if done.returncode == 0 else None  # none before it is ready


class Once(Case):
    def test_one_failure_spoils_nothing_of_the_others(self):
        self.manifest()
        done = self.berth("gather", "berth.yaml", "--once", "-o", "out.tar.gz", code=1)
        self.assertIn("cases/trap: ", done.stderr)
        self.assertRegex(done.stdout, r"out\.tar\.gz: \d+ records, .*, 12 gatherers, 9 failed|10 failed")
        held = contents(self.folder / "out.tar.gz")
        self.assertEqual(list(held), sorted(held))
        for case in ("duplicate.json", "failing/before.json", "good/0.json", "good/9.json", "loop/before.json", "notes.json",
                     "trap/before.json", "paths/refused.json", "paths/\u00e4.json"):
            self.assertIn(f"config/{case}", held)
        self.assertEqual(held["config/paths/refused.json"], b"13")
        self.assertEqual(held["config/duplicate.json"], b'{"which":"second"}')
        with tarfile.open(self.folder / "out.tar.gz") as tar:
            good = tar.getmember("config/good/0.json")
            self.assertEqual((good.mode, good.mtime, good.isreg()), (0o640, 1767225600, True))
        reports = {r["name"]: r for r in json.loads(held[METADATA])["status_reports"]}
        self.assertIn("unreachable", reports["cases/trap"]["panic"])
        self.assertIn("deadline", reports["cases/loop"]["errors"][0])
        self.assertLess(reports["cases/loop"]["duration_in_ms"], 5000)
        self.assertEqual(reports["cases/failing"]["errors"], ["nothing more could be had"])
        self.assertEqual(reports["cases/notes"]["warnings"], ["a warning", "config/notes.json: a warning of a record"])
        self.assertEqual(reports["cases/good"], {"name": "cases/good", "records_count": 10, "errors": [], "warnings": [], "panic": None,
                                                 "duration_in_ms": reports["cases/good"]["duration_in_ms"]})
        self.assertNotIn("cases/echo", reports)

        report = json.loads(self.berth("gather", "report", "out.tar.gz", "--json").stdout)
        self.assertEqual(report["records"], len(held))
        self.assertEqual(report["bytes"], sum(map(len, held.values())))
        self.assertEqual(len(report["gatherers"]), len(reports))
        self.assertIn("cases/trap", self.berth("gather", "report", "out.tar.gz").stdout)

    def test_what_works_is_zero_and_replaces(self):
        self.manifest(["good"])
        for _ in range(2):
            self.berth("gather", "berth.yaml", "--once", "-o", "out.tar.gz")
        self.assertEqual(len(contents(self.folder / "out.tar.gz")), 11)
        self.assertEqual([p.name for p in self.folder.iterdir() if p.name.startswith(".")], [])

    def test_usage_and_mistakes(self):
        self.manifest(["good", "unheard"])
        self.berth("gather", "berth.yaml", code=2)
        self.berth("gather", "missing.yaml", "--once", "-o", "x", code=3)
        self.assertIn("no such gatherer", self.berth("gather", "berth.yaml", "--once", "-o", "x", code=1).stderr)
        self.berth("gather", "berth.yaml", "--once", "-o", "missing/x", code=3)
        text = (self.folder / "berth.yaml").read_text()
        (self.folder / "berth.yaml").write_text(text.replace("gather: { directory: insights }", ""))
        self.assertIn("needs the section gather", self.berth("up", "berth.yaml", code=3).stderr)
        self.assertIn("8:9: workloads.cases.triggers: the trigger gather needs", self.berth("check", "berth.yaml", code=3).stdout)
        text = re.sub(r"triggers:\n.*\n", "triggers: []\n", text)
        (self.folder / "berth.yaml").write_text(text)
        self.assertIn("write under workloads.cases.triggers: - gather: {", self.berth("check", "berth.yaml", code=3).stdout)
        (self.folder / "berth.yaml").write_text(text.replace(str(CASES), str(BUILD / "guests/store_1.wasm")))
        self.assertIn("has the trigger gather", self.berth("gather", "berth.yaml", "--once", "-o", "x", code=3).stderr)
        (self.folder / "broken").write_text("no archive")
        self.assertIn("broken", self.berth("gather", "report", "broken", code=3).stderr)

    def test_a_component_without_gatherers_is_refused_by_name(self):
        self.manifest()
        text = (self.folder / "berth.yaml").read_text()
        (self.folder / "berth.yaml").write_text(text.replace(str(CASES), str(BUILD / "guests/store_1.wasm")))
        self.assertIn("berth:gather/gatherers", self.berth("gather", "berth.yaml", "--once", "-o", "x", code=3).stderr)
        self.assertIn("berth:gather/gatherers", self.berth("check", "berth.yaml", code=3).stdout)

    def test_docs_are_made_of_the_gatherers(self):
        self.manifest()
        docs = self.berth("gather", "docs", "berth.yaml").stdout
        self.assertIn("## cases/good\n\nA case for tests.\n\n| record | what it is |\n|---|---|\n| `config/good/{number}.json` |", docs)
        self.assertIn("Runs only when a rule asks for it.", docs)
        self.assertIn("ok, 1 workload", self.berth("check", "berth.yaml").stdout)

    def test_a_full_disk_leaves_nothing(self):
        self.manifest(["good", "many", "always"])
        self.berth("gather", "berth.yaml", "--once", "-o", "first.tar.gz", code=1)
        small = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, resource.RLIM_INFINITY))
        done = self.berth("gather", "berth.yaml", "--once", "-o", "second.tar.gz", code=1, preexec_fn=small)
        self.assertIn("File too large", done.stderr)
        left = {p.name for p in self.folder.iterdir()} - {"berth.yaml", "store", "first.tar.gz", "insights", "second.tar.gz"}
        self.assertEqual(left, set())

    def test_obfuscation_is_the_same_the_next_time(self):
        told = {"config/pod/shop/web-1.json": {"metadata": {"name": "web-1", "namespace": "shop"}, "status": {
            "hostIP": "10.9.8.7", "podIP": "10.128.0.5", "out": "8.8.8.8", "v6": "fd00::7"}, "at": "n1.c.example.com"}}
        self.manifest(["echo"], trigger=", parameters: { echo: " + json.dumps(told) + " }", section=
                      ", obfuscation: { addresses: true, base-domains: [c.example.com], workload-names: true }")
        seen = []
        for name in ("a.tar.gz", "b.tar.gz"):
            self.berth("gather", "berth.yaml", "--once", "-o", name)
            held = contents(self.folder / name)
            self.assertTrue(json.loads(held.pop(METADATA))["is_global_obfuscation_enabled"])
            seen.append(held)
        self.assertEqual(seen[0], seen[1])
        [(path, content)] = seen[0].items()
        for secret in ("web-1", "shop", "10.9.8.7", "10.128.0.5", "8.8.8.8", "fd00::7", "example.com"):
            self.assertNotIn(secret, path + content.decode())
        self.assertEqual(json.loads(content)["status"], {"hostIP": "10.0.0.1", "podIP": "10.0.0.2", "out": "0.0.0.0", "v6": "fc00::1"})
        for table in self.archives.glob(".obfuscation-*"):
            self.assertEqual(table.stat().st_mode & 0o777, 0o600)


class Up(Case):
    def test_gathers_in_periods_and_says_so(self):
        port = free_port()
        self.manifest(["good", "failing"], section=", every: 1s", more=f"telemetry: {{ listen: 127.0.0.1:{port} }}\n")
        self.up()
        wait_for(lambda: len(self.whole()) >= 2)
        for archive in self.whole():
            self.assertEqual(archive.stat().st_mode & 0o777, 0o640)
            self.assertEqual(len(contents(archive)), 12)
        status = wait_for(lambda: (s := self.status()) and "last" in s and s)
        self.assertEqual(status["last"]["failed"], ["cases/failing"])
        self.assertIn("by 2 gatherers, 1 failed", self.berth("status", "--socket", "control.sock").stdout)
        metrics = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
        self.assertRegex(metrics, r'berth_gatherings_total\{result="ok"\} [1-9]')
        self.assertRegex(metrics, r'berth_gatherer_errors_total\{gatherer="cases/failing"\} [1-9]')
        self.assertIn("another agent", subprocess.run(
            [BUILD / "berth", "up", self.second_manifest()], cwd=self.folder, capture_output=True, text=True).stderr)

    def second_manifest(self):
        text = (self.folder / "berth.yaml").read_text()
        text = re.sub(r"telemetry: .*", "", text).replace("control.sock", "second.sock")
        (self.folder / "second.yaml").write_text(text)
        return "second.yaml"

    def test_an_output_that_is_kept_is_of_no_use_in_the_next_period(self):
        self.manifest(["keeps", "good"], section=", every: 1s", instances="one")
        self.up()
        wait_for(lambda: len(self.whole()) >= 3)
        said = []
        for archive in self.whole():
            held = contents(archive)
            self.assertNotIn("config/late.json", held)
            self.assertEqual(sum(name.startswith("config/good/") for name in held), 10)
            reports = {r["name"]: r for r in json.loads(held[METADATA])["status_reports"]}
            said.append(" ".join(reports["cases/keeps"]["errors"] + [reports["cases/keeps"]["panic"] or ""]))
        self.assertEqual(said[0].strip(), "")
        self.assertTrue(any("an output is for the call that it was given to" in text for text in said), said)

    def test_a_kill_leaves_no_half_archive(self):
        self.manifest(["good", "many"], section=", every: 1s, limits: { archive: 64MiB }", call="10s")
        chance = random.Random(6)
        for _ in range(KILLS):
            process = self.up()
            before = len(self.whole())
            wait_for(lambda: len(self.whole()) > before or process.poll() is not None)
            time.sleep(chance.random() * 1.2)
            process.kill()
            process.wait(SECONDS)
            for archive in self.whole():
                self.assertIn(METADATA, contents(archive), archive)
        self.up()
        wait_for(lambda: self.status())
        self.assertEqual([p.name for p in self.archives.iterdir() if p.name.startswith(".gathering-") and
                          time.time() - p.stat().st_mtime > 30], [])

    def test_uploads_go_on_while_the_receiver_comes_and_goes(self):
        taken, answers = [], [503, 500, 202, 202]

        class Receiver(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                code = answers.pop(0) if answers else 202
                if code == 202:
                    taken.append((self.headers, body))
                self.send_response(code)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (self.folder / "token").write_text("t0ken\n")
        self.manifest(["good"], section=f", every: 1s, upload: {{ url: \"http://127.0.0.1:{server.server_port}/up\", token-file: token, "
                                        "retry: 1s }, cluster: { id: c1 }")
        self.up()
        wait_for(lambda: len(taken) >= 3)
        headers, body = taken[0]
        self.assertEqual(headers["Authorization"], "Bearer t0ken")
        self.assertEqual(headers["User-Agent"], "berth cluster/c1")
        limit = re.fullmatch(r"multipart/form-data; boundary=(\S+)", headers["Content-Type"])[1].encode()
        parts = body.split(b"--" + limit)
        self.assertIn(b'name="file"; filename="payload.tar.gz"', parts[1])
        (self.folder / "sent.tar.gz").write_bytes(parts[1].split(b"\r\n\r\n", 1)[1][:-2])
        self.assertEqual(len(contents(self.folder / "sent.tar.gz")), 11)
        self.assertRegex(parts[2].decode(), r'\{"custom_metadata":\{"gathering_time":"20\d\d-')
        wait_for(lambda: (s := self.status()) and s["uploads"]["failed_in_a_row"] == 0 and s["uploads"]["sent"] >= 3)
        self.assertNotIn("t0ken", (self.folder / "berth.log").read_text())
        self.assertIn("uploaded", self.berth("status", "--socket", "control.sock").stdout)

    def test_rules_with_a_real_prometheus(self):
        port = free_port()
        (self.folder / "alerts.yml").write_text("groups: [{name: g, interval: 1s, rules: ["
                                                "{alert: Burning, expr: vector(1), labels: {namespace: shop, pod: web-1}}, "
                                                "{alert: Quiet, expr: vector(1) < 0}]}]")
        (self.folder / "prometheus.yml").write_text("global: {evaluation_interval: 1s}\nrule_files: [alerts.yml]\n")
        log = (self.folder / "prometheus.log").open("w")
        self.addCleanup(log.close)
        prometheus = subprocess.Popen(["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb",
                                       f"--web.listen-address=127.0.0.1:{port}"], cwd=self.folder, stdout=log, stderr=log)
        self.addCleanup(prometheus.wait)
        self.addCleanup(prometheus.send_signal, signal.SIGKILL)

        def fires():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/alerts", timeout=5) as response:
                    return b'"firing"' in response.read()
            except OSError:
                return False
        wait_for(fires)
        condition = lambda name: {"type": "alert_is_firing", "alert": {"name": name}}
        version = lambda text: {"type": "cluster_version_matches", "cluster_version_matches": {"version": text}}
        rules = {"version": "t", "conditional_gathering_rules": [
            {"conditions": [condition("Burning"), version(">=4.17.0 <4.18.0")], "gathering_functions": {"echo": {"alert_name": "Burning"}}},
            {"conditions": [condition("Quiet")], "gathering_functions": {"good": {}}},
            {"conditions": [version("4.16.x")], "gathering_functions": {"many": {}}}],
            "container_logs": [{"namespace": "kube-system", "pod_name_regex": "c.*", "messages": ["panic"]}]}
        (self.folder / "rules.json").write_text(json.dumps(rules))
        self.manifest(["notes"], section=f", rules: {{ file: rules.json, prometheus: {{ url: \"http://127.0.0.1:{port}\" }} }}, "
                                         "cluster: { version: 4.17.3 }")
        self.berth("gather", "berth.yaml", "--once", "-o", "out.tar.gz", code=1)
        held = contents(self.folder / "out.tar.gz")
        self.assertEqual(sorted(held), ["alert_name", "conditional/container_logs.json", "config/notes.json",
                                        "insights-operator/conditional-gatherer-rules.json", METADATA,
                                        "insights-operator/remote-configuration.json"])
        self.assertIn(b'"pod":"web-1"', held["alert_name"])
        self.assertEqual(json.loads(held["conditional/container_logs.json"])["container_logs"], rules["container_logs"])
        told = json.loads(held["insights-operator/conditional-gatherer-rules.json"])["conditional_gathering_rules"]
        self.assertEqual([r["was_triggered"] for r in told], [True, False, False])


if __name__ == "__main__":
    unittest.main()
