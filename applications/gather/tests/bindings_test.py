"""`berth kube bindings` on a running API server: the clients compile, and read in C++ and Go what the API has."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from gatherers_test import BERTH, gather
from seeded_cluster import ROOT, shared_cluster

HERE = pathlib.Path(__file__).resolve().parent
CCACHE = ["ccache"] if shutil.which("ccache") else []
RESOURCES = ["--resource", "pods", "--resource", "deployments.apps", "--resource", "customresourcedefinitions.apiextensions.k8s.io/v1"]
TYPED = """web-0 on node-0 Running main=registry.test/app:1 cpu:10m memory:32Mi restarts=0 ready 10.1.2.3
web-1 on node-0 Running main=registry.test/app:1 cpu:10m memory:32Mi restarts=0 ready 10.1.2.3
web-2 on node-0 Running main=registry.test/app:1 cpu:10m memory:32Mi restarts=0 ready 10.1.2.3
front: 3 of web, surge "25%"
none: 404
"""


def setUpModule():
    global cluster
    cluster = shared_cluster()
    cluster.make("/apis/apps/v1/namespaces/shop/deployments", {"metadata": {"name": "front"}, "spec": {
        "replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "main", "image": "registry.test/app:1"}]}}}})


class Bindings(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="berth-bindings-")))
        shutil.copytree(ROOT / "wit/gather", self.folder / "wit/deps/gather")
        shutil.copytree(ROOT / "capabilities/kubernetes/wit/berth-kubernetes", self.folder / "wit/deps/kubernetes")
        shutil.copy(ROOT / "applications/gather/wit/world.wit", self.folder / "wit")

    def run_(self, *command):
        done = subprocess.run(list(map(str, command)), cwd=self.folder, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, f"{command}: {done.stdout}{done.stderr}")

    def bindings(self, *arguments):
        self.run_(BERTH, "kube", "bindings", "--kubeconfig", cluster.kubeconfig, *RESOURCES, *arguments)

    def typed(self, component, grants=""):
        (self.folder / "berth.yaml").write_text(f"""workloads:
  typed:
    source: file:{component}
    grants:
      kubernetes: {{ verbs: [get, list], resources: [pods, deployments.apps], namespaces: [shop] }}{grants}
    triggers: [ {{ gather: {{}} }} ]
""")
        archive, said, code = gather(cluster, self.folder / "berth.yaml", self.folder)
        self.assertEqual(code, 0, said)
        return archive.records["typed.txt"].decode()

    def test_cpp(self):
        self.run_("wit-bindgen", "cpp", "--world", "gatherer", "--out-dir", "b", "wit")
        self.bindings("--include", "gatherer_cpp.h", "-o", "b/kube.h")
        sdk, guests = ROOT / "guests/sdk/cpp", ROOT / "applications/gather/guests"
        flags = ["--target=wasm32-wasi", "-Wno-deprecated", "-Os"]
        cpp = ["-std=c++23", "-fno-exceptions", "-fno-rtti", "-include", sdk / "wit_layout.h", "-Ib", f"-I{guests}"]
        objects = []
        for source in (sdk / "nowasi.c", sdk / "stack_chk.c", HERE / "bindings/pods.cc", guests / "gatherer.cc", pathlib.Path("b/gatherer.cpp")):
            objects.append(source.name + ".o")
            compiler = ["clang-22"] if source.suffix == ".c" else ["clang++-22", *cpp]
            self.run_(*CCACHE, *compiler, *flags, "-c", source, "-o", objects[-1])
        self.run_("clang++-22", *flags, "-mexec-model=reactor", *objects, "b/gatherer_component_type.o", "-Wl,--strip-debug", "-o", "core.wasm")
        self.run_("wasm-tools", "component", "new", "core.wasm", "-o", "typed.wasm")
        self.assertEqual(self.typed("typed.wasm"), TYPED)
        self.assertLessEqual((self.folder / "typed.wasm").stat().st_size, 300 * 1024)

    def test_go(self):
        project = self.folder / "go"
        (project / "export_berth_gather_gatherers").mkdir(parents=True)
        for file in ("build.sh", "go.mod"):
            shutil.copy(ROOT / "applications/gather/guests/operators-go" / file, project)
        shutil.copy(HERE / "bindings/gatherers.go", project / "export_berth_gather_gatherers")
        shutil.copytree(self.folder / "wit", project / "wit")
        self.bindings("--lang", "go", "-o", project / "kube.go")
        self.run_(ROOT / "cmake/with_guest_tools.sh", project / "build.sh")
        self.assertEqual(self.typed("go/store.wasm", "\n      clocks: {}\n      random: {}\n      filesystem: []"), TYPED)

    def test_what_is_not_there(self):
        for arguments, text in ((["--resource", "unicorns.apps"], "describes no unicorns.apps"),
                                (["--resource", "pods.none.example"], "serves no pods.none.example"),
                                (["--resource", "Pods"], "names no resource"),
                                (["--crd", "none.yaml"], "none.yaml"), (["--resource", "pods", "--context", "none"], "none")):
            done = subprocess.run([BERTH, "kube", "bindings", "--kubeconfig", str(cluster.kubeconfig), *arguments], cwd=self.folder,
                                  capture_output=True, text=True, timeout=60)
            self.assertNotEqual(done.returncode, 0, arguments)
            self.assertIn(text, done.stderr)
            for token in cluster.tokens.values():
                self.assertNotIn(token, done.stderr)


if __name__ == "__main__":
    unittest.main()
