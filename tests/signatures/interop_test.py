"""What berth signs, cosign and openssl verify; what they sign, berth verifies."""
import base64
import json
import os
import pty
import select
import subprocess
import time
import unittest

import world
from registries import PASSWORD as LOGIN_PASSWORD
from registries import USER, Registry, samples
from world import BUILD, PASSWORD, PAYLOAD, REFERRER, SIGNATURE, RawRegistry, World

SIZES = ("component", "module", "component-4m", "module-64m")


class InARegistry:
    """In both kinds of registry."""

    kind = ""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.registry = cls.enterClassContext(RawRegistry(cls.kind))

    def push(self, name, word="one"):
        digest = self.pushed(f"{self.registry.host}/{name}:v1", word)
        return f"{self.registry.host}/{name}@{digest}", digest

    def tag(self, digest):
        return digest.replace(":", "-") + ".sig"

    def payload_and_signature(self, name, digest):
        manifest, _ = self.registry.get_manifest(name, self.tag(digest))
        layer = manifest["layers"][-1]
        self.assertEqual(layer["mediaType"], PAYLOAD)
        return self.registry.get_blob(name, layer["digest"]), layer["annotations"][SIGNATURE]

    def test_ours_is_verified_by_cosign(self):
        reference, digest = self.push("ours")
        said = self.berth("sign", "--key", self.key("ada.key"), f"oci://{self.registry.host}/ours:v1")
        self.assertEqual(said, f"signed oci://{reference}\n")
        for name in (reference, f"{self.registry.host}/ours:v1"):
            self.assertIn("were verified against the specified public key", self.cosign("verify", "--key", self.key("ada.pub"), name))
        self.cosign("verify", "--key", self.key("eve.pub"), reference, fails=True)
        self.assertEqual(self.findings("oci://" + reference, "ada"), ["valid"])

    def test_cosigns_is_verified_by_ours(self):
        reference, digest = self.push("theirs")
        self.cosign("sign", "--key", self.key("carl.key"), reference)
        report = self.verify(f"oci://{self.registry.host}/theirs:v1", "carl")
        self.assertEqual(report["digest"], digest)
        self.assertEqual(report["keys"][0]["signed"], True)
        self.assertEqual([found["finding"] for found in report["signatures"]], ["valid"])
        self.assertEqual(self.findings("oci://" + reference, "eve", refused=True), ["other-key"])
        said = self.berth("verify", "--key", self.key("carl.pub"), "oci://" + reference)
        self.assertIn(f"verified oci://{reference}\nsigned by {self.key('carl.pub')} (sha256:", said)

    def test_payloads_are_the_same_bytes(self):
        reference, digest = self.push("same")
        self.berth("sign", "--key", self.key("ada.key"), "oci://" + reference)
        ours, _ = self.payload_and_signature("same", digest)
        self.cosign("sign", "--key", self.key("carl.key"), reference)
        manifest, _ = self.registry.get_manifest("same", self.tag(digest))
        self.assertEqual(len(manifest["layers"]), 2)
        self.assertEqual({layer["digest"] for layer in manifest["layers"]}, {world.sha256(ours)})

    def test_openssl_agrees(self):
        reference, digest = self.push("openssl")
        self.berth("sign", "--key", self.key("ada.key"), "oci://" + reference)
        payload, signature = self.payload_and_signature("openssl", digest)
        (self.folder / "payload").write_bytes(payload)
        (self.folder / "signature").write_bytes(base64.b64decode(signature))
        self.assertIn("Verified OK", self.openssl("dgst", "-sha256", "-verify", self.key("ada.pub"), "-signature", "signature", "payload"))
        self.assertEqual(json.loads(payload)["critical"]["image"]["docker-manifest-digest"], digest)

    def test_several_signers_stand_beside_each_other(self):
        reference, _ = self.push("several")
        target = "oci://" + reference
        self.berth("sign", "--key", self.key("ada.key"), target)
        self.cosign("sign", "--key", self.key("carl.key"), reference)
        self.verify(target, "ada", "carl", more=["--all"])
        self.verify(target, "ada", "bob", "carl", more=["--all"], refused=True)
        self.verify(target, "eve", "carl")
        self.berth("sign", "--key", self.key("bob.key"), target)
        self.verify(target, "ada", "bob", "carl", more=["--all"])
        for name in ("ada", "bob", "carl"):
            self.cosign("verify", "--key", self.key(name + ".pub"), reference)

    def test_signing_again_changes_nothing(self):
        reference, digest = self.push("again")
        self.berth("sign", "--key", self.key("ada.key"), "oci://" + reference)
        before = self.registry.get_manifest("again", self.tag(digest))
        self.assertIn("was signed by this key before", self.berth("sign", "--key", self.key("ada.key"), "oci://" + reference))
        self.assertEqual(self.registry.get_manifest("again", self.tag(digest)), before)
        self.assertEqual(len(before[0]["layers"]), 1)
        self.assertEqual(self.findings("oci://" + reference, "ada"), ["valid"], "the tag and the referrer hold the same one")

    def test_a_signature_in_one_place_is_enough(self):
        for place in ("tag", "referrer"):
            with self.subTest(place):
                reference, digest = self.push("place-" + place)
                said = json.loads(self.berth("sign", "--attach", place, "--json", "--key", self.key("ada.key"), "oci://" + reference))
                self.assertEqual((said["digest"], said["signed"]), (digest, "now"))
                tagged, _ = self.registry.get_manifest("place-" + place, self.tag(digest))
                self.assertEqual(tagged is not None, place == "tag")
                report = self.verify("oci://" + reference, "ada")
                self.assertTrue(report["signatures"][0]["origin"].startswith(place), report)

    def test_our_keys_sign_with_cosign_and_theirs_with_ours(self):
        reference, _ = self.push("keys")
        self.cosign("sign", "--key", self.key("ada.key"), reference)
        self.verify("oci://" + reference, "ada")
        self.berth("sign", "--key", self.key("carl.key"), "oci://" + reference)
        self.cosign("verify", "--key", self.key("carl.pub"), reference)

    def test_a_copy_takes_its_signatures_along(self):
        for place in ("tag", "referrer"):
            with self.subTest(place):
                reference, digest = self.push("from-" + place)
                self.berth("sign", "--attach", place, "--key", self.key("ada.key"), "oci://" + reference)
                self.berth("copy", "--referrers", "oci://" + reference, f"oci://{self.registry.host}/to-{place}:v1")
                self.verify(f"oci://{self.registry.host}/to-{place}:v1", "ada")

    def test_modules_and_components_of_every_size(self):
        for name in SIZES:
            with self.subTest(name):
                (self.folder / name).write_bytes(samples()[name])
                pushed = json.loads(self.berth("push", name, f"oci://{self.registry.host}/sizes:{name}", "--json"))
                reference = f"{self.registry.host}/sizes@{pushed['manifest']}"
                self.berth("sign", "--key", self.key("ada.key"), "oci://" + reference)
                self.cosign("verify", "--key", self.key("ada.pub"), reference)
                self.cosign("sign", "--key", self.key("carl.key"), reference)
                self.verify("oci://" + reference, "ada", "carl", more=["--all"])

    def test_ed25519(self):
        self.run_in(self.folder, BUILD / "berth", "keygen", "--ed25519", "--output", "ed")
        reference, _ = self.push("ed")
        # cosign signs in a form that its own verify does not take: we do.
        self.cosign("sign", "--key", self.folder / "ed.key", reference)
        self.cosign("verify", "--key", self.folder / "ed.pub", reference, fails=True)
        self.berth("verify", "--key", self.folder / "ed.pub", "oci://" + reference)
        # Ours is the plain form, which cosign takes.
        reference, _ = self.push("ed", word="two")
        self.berth("sign", "--key", self.folder / "ed.key", "oci://" + reference)
        self.cosign("verify", "--key", self.folder / "ed.pub", reference)


class WithReferrers(InARegistry, World):
    kind = "olareg"

    def test_ours_as_a_referrer_is_verified_by_cosign(self):
        reference, digest = self.push("referrer")
        for key in ("ada", "bob"):
            self.berth("sign", "--attach", "referrer", "--key", self.key(key + ".key"), "oci://" + reference)
        # cosign looks at the last list only, so it must hold both.
        for key in ("ada", "bob"):
            self.cosign("verify", "--experimental-oci11", "--key", self.key(key + ".pub"), reference)
        self.cosign("verify", "--key", self.key("ada.pub"), reference, fails=True)
        status, _, body = self.registry.request("GET", f"referrer/referrers/{digest}")
        self.assertEqual({entry["artifactType"] for entry in json.loads(body)["manifests"]}, {REFERRER})

    def test_cosigns_referrer_is_verified_by_ours(self):
        reference, digest = self.push("experimental")
        self.cosign("sign", "--registry-referrers-mode=oci-1-1", "--key", self.key("carl.key"), reference, COSIGN_EXPERIMENTAL="1")
        self.assertEqual(self.registry.get_manifest("experimental", self.tag(digest)), (None, None))
        report = self.verify("oci://" + reference, "carl")
        self.assertTrue(report["signatures"][0]["origin"].startswith("referrer sha256:"), report)


class WithoutReferrers(InARegistry, World):
    kind = "docker"

    def test_the_list_of_referrers_is_a_tag(self):
        reference, digest = self.push("fallback")
        self.berth("sign", "--attach", "referrer", "--key", self.key("ada.key"), "oci://" + reference)
        status, _, body = self.registry.request("GET", f"fallback/manifests/{digest.replace(':', '-')}",
                                                Accept="application/vnd.oci.image.index.v1+json")
        self.assertEqual(status, 200)
        self.assertEqual(json.loads(body)["manifests"][0]["artifactType"], REFERRER)
        self.verify("oci://" + reference, "ada")


class Logins(World):
    """What is signed where a login or a certificate is wanted, or the referrers API is switched off."""

    SETTINGS = [dict(kind="olareg", referrers=False), dict(kind="olareg", auth="basic"), dict(kind="olareg", auth="token", tls="server"),
                dict(kind="docker", auth="token"), dict(kind="docker", auth="basic", tls="server")]

    def test_both_ways(self):
        for setting in self.SETTINGS:
            with self.subTest(**setting), Registry(**setting) as registry:
                theirs = ("--registry-cacert", registry.certificates.ca) if registry.tls else ("--allow-http-registry",)
                if registry.auth:
                    theirs += ("--registry-username", USER, "--registry-password", LOGIN_PASSWORD)
                ours = [f"--registry-{str(flag)[2:]}" if str(flag).startswith("--") else flag for flag in registry.flags]
                text = registry.input or ""
                pushed = json.loads(self.berth("push", self.module(), f"oci://{registry.host}/logins:v1", "--json", *registry.flags, stdin=text))
                reference = f"{registry.host}/logins@{pushed['manifest']}"
                for place in ("tag", "referrer"):
                    self.berth("sign", "--attach", place, "--key", self.key("ada.key"), *ours, "oci://" + reference, stdin=text)
                self.cosign("verify", "--key", self.key("ada.pub"), reference, registry=theirs)
                self.cosign("sign", "--key", self.key("carl.key"), reference, registry=theirs)
                self.assertEqual(set(self.findings(f"oci://{registry.host}/logins:v1", "ada", "carl", more=["--all", *ours], stdin=text)), {"valid"})
                self.assertIn("other-key", self.findings("oci://" + reference, "eve", more=ours, stdin=text, refused=True))
                if registry.auth:
                    said = self.berth("sign", "--key", self.key("bob.key"), *ours, "oci://" + reference, stdin="wrong\n", code=5)
                    self.assertIn(registry.host, said)


class Files(World):
    def test_ours_is_verified_by_cosign_and_openssl(self):
        file = self.module()
        self.assertEqual(self.berth("sign", "--key", self.key("ada.key"), file), "signed store.wasm in store.wasm.sig\n")
        self.cosign("verify-blob", "--key", self.key("ada.pub"), "--signature", "store.wasm.sig", file)
        self.cosign("verify-blob", "--key", self.key("eve.pub"), "--signature", "store.wasm.sig", file, fails=True)
        (self.folder / "raw").write_bytes(base64.b64decode((self.folder / "store.wasm.sig").read_text(), validate=True))
        self.assertIn("Verified OK", self.openssl("dgst", "-sha256", "-verify", self.key("ada.pub"), "-signature", "raw", file))
        self.verify(file, "ada")
        self.verify("file:" + file, "ada")

    def test_cosigns_and_openssls_are_verified_by_ours(self):
        file = self.module()
        self.cosign("sign-blob", "--key", self.key("carl.key"), "--output-signature", "store.wasm.sig", file)
        self.verify(file, "carl")
        self.verify(file, "eve", refused=True)
        self.openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", "own.key")
        self.openssl("ec", "-in", "own.key", "-pubout", "-out", "own.pub")
        self.openssl("dgst", "-sha256", "-sign", "own.key", "-out", "raw", file)
        (self.folder / "own.sig").write_bytes(base64.encodebytes((self.folder / "raw").read_bytes()).replace(b"\n", b"") + b"\n")
        self.berth("verify", "--key", "own.pub", "--signature", "own.sig", file)

    def test_files_of_every_size(self):
        for name in SIZES:
            with self.subTest(name):
                (self.folder / name).write_bytes(samples()[name])
                self.berth("sign", "--key", self.key("ada.key"), name)
                self.cosign("verify-blob", "--key", self.key("ada.pub"), "--signature", name + ".sig", name)
                self.cosign("sign-blob", "--key", self.key("carl.key"), "--output-signature", name + ".sig", name)
                self.verify(name, "carl")

    def test_an_empty_file_is_not_signed(self):
        (self.folder / "empty.wasm").touch()
        self.assertIn("empty.wasm is empty", self.berth("sign", "--key", self.key("ada.key"), "empty.wasm", code=3))
        self.assertFalse((self.folder / "empty.wasm.sig").exists())

    def test_keys_that_openssl_makes(self):
        file = self.module()
        makers = {
            "pkcs8": ("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
            "sec1": ("ecparam", "-genkey", "-name", "prime256v1", "-noout"),
            "ed": ("genpkey", "-algorithm", "ed25519"),
            "closed": ("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-aes256", "-pass", "env:COSIGN_PASSWORD"),
        }
        for name, command in makers.items():
            with self.subTest(name):
                self.openssl(*command, "-out", name + ".key")
                self.openssl("pkey", "-in", name + ".key", "-passin", "env:COSIGN_PASSWORD", "-pubout", "-out", name + ".pub")
                self.berth("sign", "--key", name + ".key", file)
                self.berth("verify", "--key", name + ".pub", file)
                self.cosign("verify-blob", "--key", name + ".pub", "--signature", "store.wasm.sig", file)

    def test_several_signers(self):
        file = self.module()
        self.berth("sign", "--key", self.key("ada.key"), file)
        self.berth("sign", "--add", "--key", self.key("bob.key"), file)
        self.berth("sign", "--add", "--key", self.key("bob.key"), file)
        self.assertEqual(self.findings(file, "ada", "bob", more=["--all"]), ["valid", "valid"])
        self.berth("sign", "--key", self.key("bob.key"), file)
        self.verify(file, "ada", refused=True)

    def test_a_changed_or_unsigned_file_is_refused(self):
        file = self.module()
        self.assertIn("nobody has signed it", self.berth("verify", "--key", self.key("ada.pub"), file, code=5))
        self.berth("sign", "--key", self.key("ada.key"), file)
        self.module(word="two")
        self.assertEqual(self.findings(file, "ada", refused=True), ["other-key"])
        (self.folder / "store.wasm.sig").write_text("hello")
        self.assertEqual(self.findings(file, "ada", refused=True), ["unusable"])
        self.assertIn("nobody has signed it", self.berth("verify", "--key", self.key("ada.pub"), "--signature", "none", file, code=5))


class Passwords(World):
    def test_come_from_a_file_or_the_environment(self):
        file = self.module()
        (self.folder / "password").write_text(PASSWORD + "\nmore\n")
        self.berth("sign", "--key", self.key("ada.key"), "--password-file", "password", file, COSIGN_PASSWORD="wrong")
        self.verify(file, "ada")
        self.assertIn("does not open", self.berth("sign", "--key", self.key("ada.key"), file, code=5, COSIGN_PASSWORD="wrong"))
        self.assertIn("No such file", self.berth("sign", "--key", self.key("ada.key"), "--password-file", "none", file, code=3))

    def test_without_one_it_is_said_what_to_do(self):
        environment = {name: value for name, value in self.environment.items() if name != "COSIGN_PASSWORD"}
        done = subprocess.run([BUILD / "berth", "sign", "--key", self.key("ada.key"), self.module()], cwd=self.folder, text=True,
                              env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("set COSIGN_PASSWORD or give --password-file", done.stderr)

    def test_an_empty_one_is_one(self):
        self.run_in(self.folder, BUILD / "berth", "keygen", COSIGN_PASSWORD="")
        self.berth("sign", "--key", "berth.key", self.module(), COSIGN_PASSWORD="")
        self.cosign("sign-blob", "--key", "berth.key", "--output-signature", "out", "store.wasm", COSIGN_PASSWORD="")
        self.berth("verify", "--key", "berth.pub", "--signature", "out", "store.wasm")

    def at_a_terminal(self, arguments, *typed):
        """-> (exit code, what the terminal showed)"""
        environment = {name: value for name, value in self.environment.items() if name != "COSIGN_PASSWORD"}
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.folder)
            os.execve(BUILD / "berth", ["berth", *map(str, arguments)], environment)
        shown, answers, until = b"", list(typed), time.monotonic() + 60
        prompts = 0
        while time.monotonic() < until:
            if not select.select([terminal], [], [], 1)[0]:
                continue
            try:
                piece = os.read(terminal, 4096)
            except OSError:  # the other end is closed
                break
            shown += piece
            if shown.count(b"private key: ") > prompts and answers:
                prompts += 1
                time.sleep(0.2)  # until the echo is off
                os.write(terminal, answers.pop(0).encode() + b"\n")
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()

    def test_are_asked_for_at_a_terminal_and_not_shown(self):
        code, shown = self.at_a_terminal(["keygen", "--output", "typed"], PASSWORD, PASSWORD)
        self.assertEqual(code, 0, shown)
        self.assertNotIn(PASSWORD, shown)
        self.berth("sign", "--key", "typed.key", self.module())
        code, shown = self.at_a_terminal(["sign", "--key", "typed.key", "store.wasm"], PASSWORD)
        self.assertEqual(code, 0, shown)
        self.assertNotIn(PASSWORD, shown)
        code, shown = self.at_a_terminal(["keygen", "--output", "other"], "one", "two")
        self.assertEqual(code, 3, shown)
        self.assertFalse((self.folder / "other.key").exists())


class KeyFiles(World):
    def test_are_made_for_their_owner_and_never_overwritten(self):
        self.assertEqual((self.key("ada.key").stat().st_mode & 0o777, self.key("ada.pub").stat().st_mode & 0o777), (0o600, 0o644))
        self.assertIn("File exists", self.run_in(self.keys, BUILD / "berth", "keygen", "--output", "ada", code=5).stderr)
        said = json.loads(self.berth("keygen", "--json", "--output", "new"))
        der = subprocess.run(["openssl", "pkey", "-pubin", "-in", self.folder / "new.pub", "-outform", "DER"], capture_output=True, check=True)
        self.assertEqual(said["fingerprint"], world.sha256(der.stdout))


if __name__ == "__main__":
    unittest.main()
