"""push, pull, copy, tags and inspect against real registries, and compared with oras both ways."""
import hashlib
import json
import pathlib
import tempfile
import unittest

from registries import BUILD, COMPONENT, MIB, MODULE, PASSWORD, SERVERS, USER, Certificates, Registry, berth, oras, padded, run, samples

# Every way of reaching a registry that there is a real server for.
SETTINGS = [
    dict(kind="olareg"),
    dict(kind="olareg", auth="basic"),
    dict(kind="olareg", auth="token"),
    dict(kind="olareg", tls="server"),
    dict(kind="olareg", tls="server", auth="token"),
    dict(kind="olareg", referrers=False),
    dict(kind="docker"),
    dict(kind="docker", auth="basic"),
    dict(kind="docker", auth="token"),
    dict(kind="docker", tls="server", auth="basic"),
    dict(kind="docker", tls="client"),
]
CONFIG_TYPE = "application/vnd.wasm.config.v0+json"
SIGNATURE = "application/vnd.berth.test.signature"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Case(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="berth-registry-test-")
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def start(self, **setting):
        registry = Registry(**setting)
        registry.__enter__()
        self.addCleanup(registry.__exit__)
        return registry

    def call(self, registry, *arguments, code=0):
        done = berth(*arguments, *registry.flags, cwd=self.folder, text=registry.input)
        self.assertEqual(done.code, code, f"berth {arguments}: {done.out}{done.err}\n{registry.log()[-2000:]}")
        return done

    def oras(self, registry, *arguments, code=0):
        done = oras(*arguments, *registry.oras, cwd=self.folder)
        self.assertEqual(done.code, code, f"oras {arguments}: {done.out}{done.err}")
        return done

    def push_with_oras(self, registry, name, file):
        (self.folder / "config.json").write_text(json.dumps(
            {"created": "2026-01-02T03:04:05Z", "architecture": "wasm", "os": "wasip2", "layerDigests": [digest(file.read_bytes())]}))
        self.oras(registry, "push", f"{registry.host}/{name}", "--config", f"config.json:{CONFIG_TYPE}",
                  "--disable-path-validation", f"{file}:application/wasm")

    def file(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return path


class EveryRegistry(Case):
    def test_push_inspect_tags_pull_copy(self):
        for setting in SETTINGS:
            with self.subTest(**setting), Registry(**setting) as registry:
                self.round(registry)

    def round(self, registry):
        component = COMPONENT.read_bytes()
        where = f"oci://{registry.host}/gather/core"
        pushed = self.call(registry, "push", COMPONENT, f"{where}:v1", "--json").json()
        self.assertEqual((pushed["digest"], pushed["size"]), (digest(component), len(component)))
        about = self.call(registry, "inspect", f"{where}:v1", "--json").json()
        self.assertEqual((about["manifest"], about["digest"], about["os"]), (pushed["manifest"], digest(component), "wasip2"))
        self.oras(registry, "pull", f"{registry.host}/gather/core:v1", "-o", "oras")
        self.assertEqual((self.folder / "oras" / COMPONENT.name).read_bytes(), component)

        self.push_with_oras(registry, "gather/core:m1", MODULE)
        self.call(registry, "pull", f"{where}:m1", "-o", "m.wasm")
        self.assertEqual((self.folder / "m.wasm").read_bytes(), MODULE.read_bytes())
        self.assertEqual(sorted(self.call(registry, "tags", where).out.split()), ["m1", "v1"])

        # Within the registry: same digest; the password is asked for once.
        flags = [f"--from-{str(flag)[2:]}" if str(flag).startswith("--") else flag for flag in registry.flags]
        copied = berth("copy", f"{where}:v1", f"oci://{registry.host}/mirror/core:v2", "--json", *flags, cwd=self.folder,
                       text=registry.input)
        self.assertEqual(copied.code, 0, copied.err)
        self.assertEqual(copied.json()["manifest"], pushed["manifest"])
        self.call(registry, "pull", f"oci://{registry.host}/mirror/core@{pushed['manifest']}", "-o", "copy.wasm")
        self.assertEqual((self.folder / "copy.wasm").read_bytes(), component)
        self.assertEqual([path.name for path in self.folder.glob("*.wasm.*")], [])

        missing = self.call(registry, "pull", f"{where}:none", code=3)
        self.assertIn("404", missing.err)

    def test_what_is_said_about_an_artifact(self):
        registry = self.start(kind="docker")
        where = f"oci://{registry.host}/gather/core"
        text = self.call(registry, "push", MODULE, f"{where}:m1").out
        self.assertRegex(text, rf"^pushed {where}:m1@sha256:[0-9a-f]{{64}}\n$")
        module = self.call(registry, "inspect", f"{where}:m1", "--json").json()
        self.assertEqual(module["os"], "wasip1")
        self.assertNotIn("imports", module)
        pushed = self.call(registry, "push", COMPONENT, f"{where}:v1", "--author", "Ada", "--target", "a:b/c", "--json").json()
        about = self.call(registry, "inspect", f"{where}:v1", "--json").json()
        self.assertEqual((about["author"], about["target"]), ("Ada", "a:b/c"))
        own = run([BUILD / "berth", "inspect", COMPONENT, "--json"], self.folder).json()
        for side in ("imports", "exports"):
            self.assertEqual(about[side], [item["name"] for item in own[side]])
        self.assertRegex(about["created"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(sorted(self.call(registry, "tags", where, "--json").json()["tags"]), ["m1", "v1"])
        # By tag into the default file, by digest into a named one.
        self.call(registry, "pull", f"{where}:v1")
        self.assertEqual((self.folder / "core.wasm").read_bytes(), COMPONENT.read_bytes())
        done = self.call(registry, "pull", f"{where}@{pushed['manifest']}", "-o", "by-digest.wasm", "--json").json()
        self.assertEqual((done["manifest"], done["digest"]), (pushed["manifest"], digest(COMPONENT.read_bytes())))
        self.assertEqual((self.folder / "by-digest.wasm").read_bytes(), COMPONENT.read_bytes())
        self.call(registry, "inspect", f"oci://{registry.host}/nowhere:v1", code=3)
        self.call(registry, "tags", f"oci://{registry.host}/nowhere", code=3)

    def test_a_wrong_password_is_refused_and_not_shown(self):
        for setting in (s for s in SETTINGS if s.get("auth")):
            with self.subTest(**setting), Registry(**setting) as registry:
                registry.input = "not the password\n"
                done = self.call(registry, "push", COMPONENT, f"oci://{registry.host}/a:v1", code=5)
                self.assertIn(registry.host, done.err)
                self.assertNotIn("not the password", done.err + done.out)
                registry.flags = [flag for flag in registry.flags if flag not in ("--user", USER, "--password-stdin")]
                done = self.call(registry, "push", COMPONENT, f"oci://{registry.host}/a:v1", code=5)
                self.assertRegex(done.err, "login|401")

    def test_a_certificate_that_nobody_vouches_for_is_refused(self):
        with Registry(tls="server") as registry:
            registry.flags = ["--ca", Certificates(self.folder).ca]
            done = self.call(registry, "tags", f"oci://{registry.host}/a", code=5)
            self.assertIn("certificate", done.err)

    def test_a_registry_that_wants_our_certificate_refuses_none(self):
        with Registry(kind="docker", tls="client") as registry:
            registry.flags = ["--ca", registry.certificates.ca]
            self.assertNotEqual(berth("tags", f"oci://{registry.host}/a", *registry.flags, cwd=self.folder).code, 0)

    def test_nobody_there_is_said_so(self):
        with Registry() as registry:
            host = registry.host
        done = berth("pull", f"oci://{host}/a:v1", cwd=self.folder)
        self.assertEqual(done.code, 1)
        self.assertIn(host, done.err)
        self.assertLess(done.seconds, 20)


class Tokens(Case):
    def test_asks_for_what_it_needs_and_no_more(self):
        registry = self.start(kind="docker", auth="token")
        self.call(registry, "push", COMPONENT, f"oci://{registry.host}/a/b:v1")
        self.assertEqual({tuple(q["scope"]) for q in registry.tokens.asked}, {("repository:a/b:pull,push",)})
        self.assertEqual(len(registry.tokens.asked), 1, "one token does for all of a push")
        registry.tokens.asked.clear()
        self.call(registry, "pull", f"oci://{registry.host}/a/b:v1")
        self.assertEqual([q["scope"] for q in registry.tokens.asked], [["repository:a/b:pull"]])
        self.assertEqual(registry.tokens.asked[0]["service"], ["registry"])

    def test_logins_of_docker_are_used(self):
        registry = self.start(kind="docker", auth="token")
        logins = self.folder / "docker"
        environment = {"DOCKER_CONFIG": str(logins)}
        # Written by another client.
        done = run([SERVERS / "oras", "login", registry.host, "-u", USER, "--password-stdin", "--plain-http", "--registry-config",
                    logins / "config.json"], self.folder, text=PASSWORD)
        self.assertEqual(done.code, 0, done.err)
        done = berth("push", COMPONENT, f"oci://{registry.host}/a:v1", cwd=self.folder, environment=environment)
        self.assertEqual(done.code, 0, done.err)
        done = berth("tags", f"oci://{registry.host}/a", "--docker-config", logins / "config.json", cwd=self.folder)
        self.assertEqual((done.code, done.out), (0, "v1\n"), done.err)

    def test_a_helpers_login_is_used(self):
        registry = self.start(kind="docker", auth="basic")
        helper = self.folder / "bin/docker-credential-tests"
        helper.parent.mkdir()
        answer = json.dumps({"Username": USER, "Secret": PASSWORD})
        helper.write_text(f"#!/bin/sh\nread server\n[ \"$1 $server\" = \"get {registry.host}\" ] && echo '{answer}'\n")
        helper.chmod(0o755)
        (self.folder / "config.json").write_text(json.dumps({"credHelpers": {registry.host: "tests"}}))
        done = run([BUILD / "berth", "push", COMPONENT, f"oci://{registry.host}/a:v1", "--docker-config", "config.json"],
                   self.folder, environment={"PATH": f"{helper.parent}:/usr/bin:/bin"})
        self.assertEqual(done.code, 0, done.err)


class Files(Case):
    def test_what_is_no_webassembly_is_not_pushed(self):
        registry = self.start()
        for name, data in (("empty.wasm", b""), ("text.wat", b"(component)"), ("other.bin", b"\x7fELF" + bytes(100))):
            done = self.call(registry, "push", self.file(name, data), f"oci://{registry.host}/a:v1", code=3)
            self.assertIn(name, done.err)
        self.call(registry, "push", self.folder / "missing.wasm", f"oci://{registry.host}/a:v1", code=3)
        self.call(registry, "push", COMPONENT, f"oci://{registry.host}/a@{digest(b'')}", code=3)
        self.call(registry, "push", COMPONENT, f"oci://{registry.host}/../a:v1", code=3)
        self.assertEqual(self.call(registry, "tags", f"oci://{registry.host}/a").out, "", "olareg's way to say that there is none")

    def test_the_same_file_is_the_same_artifact_when_that_is_asked_for(self):
        registry = self.start()
        environment = {"SOURCE_DATE_EPOCH": "1700000000"}
        manifests = set()
        for tag in ("v1", "v2"):
            done = berth("push", COMPONENT, f"oci://{registry.host}/a:{tag}", "--json", cwd=self.folder, environment=environment)
            self.assertEqual(done.code, 0, done.err)
            manifests.add(done.json()["manifest"])
        self.assertEqual(len(manifests), 1)
        self.assertEqual(self.call(registry, "inspect", f"oci://{registry.host}/a:v1", "--json").json()["created"],
                         "2023-11-14T22:13:20Z")

    def test_a_pull_that_fails_leaves_no_file_and_keeps_the_old_one(self):
        registry = self.start()
        kept = self.file("a.wasm", b"old")
        self.call(registry, "pull", f"oci://{registry.host}/a:v1", "-o", kept, code=3)
        self.assertEqual(kept.read_bytes(), b"old")
        self.call(registry, "push", COMPONENT, f"oci://{registry.host}/a:v1")
        self.call(registry, "pull", f"oci://{registry.host}/a:v1", "-o", self.folder / "no/such/folder.wasm", code=3)
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["a.wasm"])


class Interop(Case):
    """With oras, both ways; without logins, on both registries."""

    @staticmethod
    def samples(kind):
        large = {"olareg": "component-64m", "docker": "module-64m"}[kind]  # one each, for the time that they take
        return {name: data for name, data in samples().items() if name == large or not name.endswith("-64m")}

    def test_pushed_by_berth_pulled_by_oras(self):
        for kind in ("olareg", "docker"):
            registry = self.start(kind=kind)
            for name, data in self.samples(kind).items():
                with self.subTest(kind=kind, sample=name):
                    self.call(registry, "push", self.file(f"{name}.wasm", data), f"oci://{registry.host}/{name}:v1")
                    out = self.folder / f"oras-{kind}-{name}"
                    self.oras(registry, "pull", f"{registry.host}/{name}:v1", "-o", out)
                    self.assertEqual((out / f"{name}.wasm").read_bytes(), data)
                    self.check_layout(registry, name, data)

    def check_layout(self, registry, name, data):
        manifest = json.loads(self.oras(registry, "manifest", "fetch", f"{registry.host}/{name}:v1").out)
        self.assertEqual((manifest["schemaVersion"], manifest["mediaType"], manifest["config"]["mediaType"]),
                         (2, "application/vnd.oci.image.manifest.v1+json", CONFIG_TYPE))
        self.assertEqual([layer["mediaType"] for layer in manifest["layers"]], ["application/wasm"])
        config = json.loads(self.oras(registry, "manifest", "fetch-config", f"{registry.host}/{name}:v1").out)
        self.assertEqual((config["architecture"], config["layerDigests"]), ("wasm", [digest(data)]))
        self.assertEqual(config["os"], "wasip1" if "module" in name else "wasip2")
        self.assertEqual("component" in config, "module" not in name)

    def test_pushed_by_oras_pulled_by_berth(self):
        for kind in ("olareg", "docker"):
            registry = self.start(kind=kind)
            for name, data in self.samples(kind).items():
                with self.subTest(kind=kind, sample=name):
                    self.push_with_oras(registry, f"{name}:v1", self.file(f"{name}.wasm", data))
                    self.call(registry, "pull", f"oci://{registry.host}/{name}:v1", "-o", f"{kind}-{name}")
                    self.assertEqual((self.folder / f"{kind}-{name}").read_bytes(), data)

    def test_an_empty_layer_is_refused(self):
        registry = self.start()
        self.push_with_oras(registry, "empty:v1", self.file("empty.wasm", b""))
        self.assertIn("empty", self.call(registry, "pull", f"oci://{registry.host}/empty:v1", code=3).err)

    def test_older_layouts_are_pulled(self):
        registry = self.start()
        component = self.file("c.wasm", COMPONENT.read_bytes())
        for tag, config, layer in (("old", "application/vnd.wasm.config.v1+json", "application/vnd.wasm.content.layer.v1+wasm"),
                                   ("ba", "application/vnd.other.config+json",
                                    "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm")):
            (self.folder / "config.json").write_text("{}")
            self.oras(registry, "push", f"{registry.host}/a:{tag}", "--config", f"config.json:{config}", f"{component.name}:{layer}")
            self.call(registry, "pull", f"oci://{registry.host}/a:{tag}", "-o", f"{tag}.wasm")
            self.assertEqual((self.folder / f"{tag}.wasm").read_bytes(), component.read_bytes())

    def test_what_is_no_wasm_artifact_is_refused(self):
        registry = self.start()
        for name in ("one", "two"):
            self.file(name, name.encode())
        self.oras(registry, "push", f"{registry.host}/a:tar", "one:application/vnd.oci.image.layer.v1.tar")
        self.assertIn("no wasm artifact", self.call(registry, "pull", f"oci://{registry.host}/a:tar", code=3).err)
        self.oras(registry, "push", f"{registry.host}/a:two", "one:application/wasm", "two:application/wasm")
        self.assertIn("2 layers", self.call(registry, "inspect", f"oci://{registry.host}/a:two", code=3).err)

    def test_an_index_is_followed_to_its_wasm(self):
        registry = self.start()
        pushed = self.call(registry, "push", COMPONENT, f"oci://{registry.host}/a:one", "--json").json()
        self.file("layer", b"linux")
        self.oras(registry, "push", f"{registry.host}/a:linux", "layer:application/vnd.oci.image.layer.v1.tar")
        linux = self.oras(registry, "resolve", f"{registry.host}/a:linux").out.strip()
        size = {d: len(self.oras(registry, "manifest", "fetch", f"{registry.host}/a@{d}").out.encode())
                for d in (pushed["manifest"], linux)}

        def entry(digest, os, architecture):
            return {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": size[digest],
                    "platform": {"os": os, "architecture": architecture}}

        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                 "manifests": [entry(linux, "linux", "amd64"), entry(pushed["manifest"], "wasip2", "wasm")]}
        (self.folder / "index.json").write_text(json.dumps(index))
        self.oras(registry, "manifest", "push", f"{registry.host}/a:all", "index.json")
        self.assertEqual(self.call(registry, "inspect", f"oci://{registry.host}/a:all", "--json").json()["manifest"],
                         pushed["manifest"])
        self.call(registry, "pull", f"oci://{registry.host}/a:all", "-o", "all.wasm")
        self.assertEqual((self.folder / "all.wasm").read_bytes(), COMPONENT.read_bytes())


class Copies(Case):
    def test_between_registries_large_and_with_bounded_memory(self):
        source, target = self.start(kind="olareg", auth="token"), self.start(kind="docker", tls="server", auth="basic")
        data = samples()["module-64m"]
        pushed = self.call(source, "push", self.file("big.wasm", data), f"oci://{source.host}/big:v1", "--json").json()
        copied = berth("copy", f"oci://{source.host}/big:v1", f"oci://{target.host}/mirror/big:v1", "--json",
                       "--from-user", USER, "--from-password-stdin", "--to-user", USER, "--to-password-stdin",
                       "--to-ca", target.certificates.ca, cwd=self.folder, text=f"{PASSWORD}\n{PASSWORD}\n")
        self.assertEqual(copied.code, 0, copied.err)
        self.assertEqual(copied.json()["manifest"], pushed["manifest"])
        small = self.call(source, "inspect", f"oci://{source.host}/big:v1").memory
        self.assertLess(copied.memory - small, 24 * MIB, "a copy does not hold the component in memory")
        pulled = self.call(target, "pull", f"oci://{target.host}/mirror/big:v1", "-o", "copied.wasm")
        self.assertLess(pulled.memory - small, 24 * MIB, "nor does a pull")
        self.assertEqual((self.folder / "copied.wasm").read_bytes(), data)

    def test_takes_what_refers_to_it_along(self):
        for setting in (dict(kind="olareg"), dict(kind="olareg", referrers=False), dict(kind="docker")):
            with self.subTest(**setting):
                source, target = self.start(kind="olareg"), self.start(**setting)
                self.referrers(source, target)
                self.referrers(target, source)

    def referrers(self, source, target):
        where, there = f"{source.host}/copies:{target.kind}", f"{target.host}/mirror/copies:v1"
        pushed = self.call(source, "push", COMPONENT, f"oci://{where}", "--json").json()
        self.file("signature", b"signed by nobody")
        self.oras(source, "attach", *self.way(source), where, "--artifact-type", SIGNATURE, "signature:text/plain")
        older = f"{source.host}/copies:sha256-{pushed['manifest'][7:]}.sig"
        self.oras(source, "push", older, "signature:text/plain")
        self.call(source, "copy", f"oci://{where}", f"oci://{there}")
        self.assertEqual(self.discover(target, there), [])
        self.call(source, "copy", f"oci://{where}", f"oci://{there}", "--referrers")
        self.assertEqual(self.discover(target, there), [SIGNATURE])
        self.assertEqual(self.oras(target, "resolve", f"{target.host}/mirror/copies:sha256-{pushed['manifest'][7:]}.sig").out,
                         self.oras(source, "resolve", older).out)

    def discover(self, registry, name):
        found = json.loads(self.oras(registry, "discover", *self.way(registry), name, "--format", "json").out)
        return [entry["artifactType"] for entry in found["manifests"] or []]

    @staticmethod
    def way(registry):
        # oras takes olareg's 405 for a failure, where it takes a 404 for a registry without the API.
        return [] if registry.referrers else ["--distribution-spec", "v1.1-referrers-tag"]


class Progress(Case):
    def test_lines_without_a_terminal_and_a_bar_on_one(self):
        registry = self.start()
        where = f"oci://{registry.host}/a:v1"
        file = self.file("a.wasm", padded(MODULE.read_bytes(), 2 * MIB))
        self.assertEqual(self.call(registry, "push", file, where).err, "pushing 2.0 MiB\n")
        self.assertEqual(self.call(registry, "pull", where).err, "pulling 2.0 MiB\n")
        self.assertEqual(self.call(registry, "pull", where, "--json").err, "")
        # `script` gives it a terminal.
        done = run(["script", "-qec", f"{BUILD / 'berth'} pull {where}", "/dev/null"], self.folder)
        self.assertIn("[##############################] 2.0 MiB of 2.0 MiB", done.out)
        self.assertIn("\rpulling [", done.out)


if __name__ == "__main__":
    unittest.main(verbosity=2)
