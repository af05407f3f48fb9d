"""In a registry: what berth signs, cosign and openssl verify; what they sign, berth verifies."""
import base64
import json
import unittest

import world
from registries import PASSWORD as LOGIN_PASSWORD
from registries import USER, Registry, samples
from world import BUILD, PAYLOAD, REFERRER, SIGNATURE, SIZES, RawRegistry, World


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
        said = self.berth("sign", "--key", self.key("bob.key"), f"oci://{self.registry.host}/ours:v1")
        self.assertEqual(said, f"signed oci://{reference}\n")
        for name in (reference, f"{self.registry.host}/ours:v1"):
            self.assertIn("were verified against the specified public key", self.cosign("verify", "--key", self.key("bob.pub"), name))
        self.cosign("verify", "--key", self.key("eve.pub"), reference, fails=True)
        self.assertEqual(self.findings("oci://" + reference, "bob"), ["valid"])

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

    def test_openssl_agrees(self):
        reference, digest = self.push("openssl")
        self.berth("sign", "--key", self.key("ada.key"), "oci://" + reference)
        payload, signature = self.payload_and_signature("openssl", digest)
        (self.folder / "payload").write_bytes(payload)
        (self.folder / "signature").write_bytes(base64.b64decode(signature))
        self.assertIn("Verified OK", self.openssl("dgst", "-sha256", "-verify", self.key("ada.pub"), "-signature", "signature", "payload"))
        self.assertEqual(json.loads(payload)["critical"]["image"]["docker-manifest-digest"], digest)

    def test_several_signers_stand_beside_each_other_with_the_same_payload(self):
        reference, digest = self.push("several")
        target = "oci://" + reference
        self.berth("sign", "--key", self.key("ada.key"), target)
        ours, _ = self.payload_and_signature("several", digest)
        self.cosign("sign", "--key", self.key("carl.key"), reference)
        manifest, _ = self.registry.get_manifest("several", self.tag(digest))
        self.assertEqual([layer["digest"] for layer in manifest["layers"]], [world.sha256(ours)] * 2)
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
        self.cosign("sign", "--key", self.key("bob.key"), reference)
        self.verify("oci://" + reference, "bob")
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
        references = []
        for name in SIZES:
            (self.folder / name).write_bytes(samples()[name])
            pushed = json.loads(self.berth("push", name, f"oci://{self.registry.host}/sizes:{name}", "--json"))
            references.append(f"{self.registry.host}/sizes@{pushed['manifest']}")
            self.berth("sign", "--key", self.key("ada.key"), "oci://" + references[-1])
        # cosign takes several: it opens a key once.
        said = self.cosign("verify", "--key", self.key("ada.pub"), *references)
        self.assertEqual([said.count(f"Verification for {reference} --") for reference in references], [1] * len(SIZES), said)
        self.cosign("sign", "--key", self.key("carl.key"), *references)
        for name, reference in zip(SIZES, references):
            with self.subTest(name):
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
                    said = self.berth("sign", "--key", self.key("eve.key"), *ours, "oci://" + reference, stdin="wrong\n", code=5)
                    self.assertIn(registry.host, said)


if __name__ == "__main__":
    unittest.main()
