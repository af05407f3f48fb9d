"""What a registry or a stranger can do to signatures, and that nothing unsigned passes."""
import base64
import json
import time
import unittest

from world import MANIFEST, PAYLOAD, REFERRER, SIGNATURE, RawRegistry, World, sha256

CONFIG = "application/vnd.oci.image.config.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


class Refused(World):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.registry = cls.enterClassContext(RawRegistry("olareg"))

    def setUp(self):
        super().setUp()
        self.name = self.id().rsplit(".", 1)[1].replace("_", "-")
        self.reference = f"{self.registry.host}/{self.name}"

    def signed(self, key="ada", word="one", tag="v1", place="both"):
        """Pushes and signs; the manifest's digest."""
        digest = self.pushed(f"{self.reference}:{tag}", word)
        self.berth("sign", "--attach", place, "--key", self.key(key + ".key"), f"oci://{self.reference}@{digest}")
        return digest

    def sig(self, digest):
        return digest.replace(":", "-") + ".sig"

    def layer(self, payload, signature):
        """A payload put into the registry, and the layer for it."""
        blob = self.registry.put_blob(self.name, payload)
        return {**blob, "mediaType": PAYLOAD, "annotations": {SIGNATURE: signature}}

    def put_signatures(self, reference, layers, **more):
        config = {**self.registry.put_blob(self.name, b"{}"), "mediaType": CONFIG}
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers, **more}
        return self.registry.put_manifest(self.name, reference, manifest)

    def layers(self, digest):
        return self.registry.get_manifest(self.name, self.sig(digest))[0]["layers"]

    def refused(self, digest, *keys):
        return self.findings(f"oci://{self.reference}@{digest}", *(keys or ("ada",)), refused=True)

    def test_wrong_key(self):
        digest = self.signed(key="eve")
        self.assertEqual(self.refused(digest), ["other-key"])
        self.cosign("verify", "--key", self.key("ada.pub"), f"{self.reference}@{digest}", fails=True)
        said = self.berth("verify", "--key", self.key("ada.pub"), f"oci://{self.reference}@{digest}", code=5)
        self.assertIn(f"{digest} is refused: it has no valid signature by \"{self.key('ada.pub')}\" (sha256:", said)
        self.assertIn(f"berth sign --key FILE.key oci://{self.reference}@{digest}", said)
        self.assertIn("\n  signature 1: by another key, or damaged\n", said)

    def test_moved_tag(self):
        old = self.signed()
        self.verify(f"oci://{self.reference}:v1", "ada")
        new = self.pushed(f"{self.reference}:v1", word="evil")
        self.assertNotEqual(old, new)
        self.assertEqual(self.findings(f"oci://{self.reference}:v1", "ada", refused=True), [])
        self.cosign("verify", "--key", self.key("ada.pub"), f"{self.reference}:v1", fails=True)
        # The old one's signatures are put where the new one's would be, in both places.
        self.put_signatures(self.sig(new), self.layers(old))
        size = len(self.registry.request("GET", f"{self.name}/manifests/{new}", Accept=MANIFEST)[2])
        subject = {"mediaType": MANIFEST, "digest": new, "size": size}
        self.put_signatures("referring", self.layers(old), subject=subject, artifactType=REFERRER)
        report = self.verify(f"oci://{self.reference}:v1", "ada", refused=True)
        self.assertEqual([found["finding"] for found in report["signatures"]], ["other-digest"])
        self.assertEqual(report["signatures"][0]["detail"], old)
        self.cosign("verify", "--key", self.key("ada.pub"), f"{self.reference}:v1", fails=True)
        # The old one is as good as before.
        self.verify(f"oci://{self.reference}@{old}", "ada")

    def test_stripped(self):
        digest = self.signed()
        target = f"oci://{self.reference}@{digest}"
        _, tagged = self.registry.get_manifest(self.name, self.sig(digest))
        self.registry.delete_manifest(self.name, tagged)
        self.verify(target, "ada")  # by the referrer
        for entry in json.loads(self.registry.request("GET", f"{self.name}/referrers/{digest}")[2])["manifests"]:
            self.registry.delete_manifest(self.name, entry["digest"])
        self.assertEqual(self.refused(digest), [])
        self.assertIn("nobody has signed it", self.berth("verify", "--key", self.key("ada.pub"), target, code=5))

    def test_payload_of_another_digest_with_this_ones_signature(self):
        other = self.signed(word="other", tag="other")
        digest = self.signed(place="tag")
        payload = self.registry.get_blob(self.name, self.layers(digest)[0]["digest"])
        self.put_signatures(self.sig(digest), [self.layer(payload.replace(digest.encode(), other.encode()), self.layers(digest)[0]["annotations"][SIGNATURE])])
        self.assertEqual(self.refused(digest), ["other-key"])

    def test_payload_that_is_not_what_its_layer_says(self):
        digest = self.signed(place="tag")
        layer = self.layers(digest)[0]
        # The registry has no such blob, or one of another length.
        for wrong in ({**layer, "digest": sha256(b"nothing")}, {**layer, "size": layer["size"] + 1}):
            try:
                self.put_signatures(self.sig(digest), [wrong])
            except AssertionError:
                continue  # this registry looks for the blob itself
            self.assertEqual(self.refused(digest), ["unusable"])

    def test_signature_of_another_repository(self):
        digest = self.signed(place="tag")
        elsewhere = f"{self.registry.host}/mirror-of-it"
        self.berth("copy", f"oci://{self.reference}:v1", f"oci://{elsewhere}:v1")
        config = {**self.registry.put_blob("mirror-of-it", b"{}"), "mediaType": CONFIG}
        layer = self.layers(digest)[0]
        self.registry.put_blob("mirror-of-it", self.registry.get_blob(self.name, layer["digest"]))
        self.registry.put_manifest("mirror-of-it", self.sig(digest),
                                   {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]})
        # The digest decides, for cosign and for us, unless names are asked for.
        self.cosign("verify", "--key", self.key("ada.pub"), f"{elsewhere}@{digest}")
        self.verify(f"oci://{elsewhere}:v1", "ada")
        self.verify(f"oci://{elsewhere}:v1", "ada", more=["--repository", self.reference])
        self.assertEqual(self.findings(f"oci://{elsewhere}:v1", "ada", more=["--repository", elsewhere], refused=True), ["other-repository"])

    def test_garbage_hides_no_valid_signature(self):
        digest = self.signed(place="tag")
        good = self.layers(digest)[0]
        payload = self.registry.get_blob(self.name, good["digest"])
        garbage = [
            self.layer(payload, ""), self.layer(payload, "!"), self.layer(payload, "A" * 100_000),
            self.layer(payload, base64.b64encode(b"\x30\x84\xff\xff\xff\xff\x02\x01").decode()),
            self.layer(b"", base64.b64encode(b"x").decode()), self.layer(b"[" * 60_000, base64.b64encode(b"x").decode()),
            self.layer(b"x" * 100_000, good["annotations"][SIGNATURE]),
            {**good, "annotations": {}}, {key: value for key, value in good.items() if key != "annotations"},
            {**good, "mediaType": "application/octet-stream"},
        ]
        self.put_signatures(self.sig(digest), [*garbage, good])
        findings = self.findings(f"oci://{self.reference}@{digest}", "ada")
        self.assertEqual(findings[-1], "valid")
        self.assertEqual(set(findings[:-1]), {"unusable", "other-key"})
        self.assertEqual(len(findings), len(garbage), "all but the layer of another type")
        # Alone, it is refused.
        self.put_signatures(self.sig(digest), garbage)
        self.assertNotIn("valid", self.refused(digest))

    def test_a_tag_that_holds_no_signatures(self):
        digest = self.signed(place="referrer")
        self.registry.put_manifest(self.name, self.sig(digest), {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}, INDEX)
        self.assertEqual(self.findings(f"oci://{self.reference}@{digest}", "ada"), ["unusable", "valid"])
        said = self.berth("sign", "--key", self.key("bob.key"), f"oci://{self.reference}@{digest}", code=5)
        self.assertIn("holds an index instead of signatures", said)

    def test_ten_thousand_signatures(self):
        digest = self.signed(place="tag")
        good = self.layers(digest)[0]
        layers = [{**good, "annotations": {SIGNATURE: base64.b64encode(b"%d" % i).decode()}} for i in range(10_000)]
        self.put_signatures(self.sig(digest), layers)
        begin = time.monotonic()
        self.assertEqual(self.refused(digest), ["unusable"])
        self.assertLess(time.monotonic() - begin, 20)
        # A referrer of the signer's still helps.
        self.berth("sign", "--attach", "referrer", "--key", self.key("ada.key"), f"oci://{self.reference}@{digest}")
        self.assertEqual(self.findings(f"oci://{self.reference}@{digest}", "ada"), ["unusable", "valid"])

    def test_a_payload_of_another_kind(self):
        digest = self.signed(key="eve", place="tag")
        # Ada has signed a file whose content is of use to somebody: it must mean nothing here.
        (self.folder / "file").write_bytes(b'{"critical":{"image":{"docker-manifest-digest":"%s"}}}' % digest.encode())
        self.berth("sign", "--key", self.key("ada.key"), "file")
        self.put_signatures(self.sig(digest), [self.layer((self.folder / "file").read_bytes(), (self.folder / "file.sig").read_text())])
        self.assertEqual(self.refused(digest), ["unusable"])

    def test_neither_keys_nor_targets_that_are_none(self):
        digest = self.signed()
        target = f"oci://{self.reference}@{digest}"
        self.assertIn("it is a private key", self.berth("verify", "--key", self.key("ada.key"), target, code=3))
        self.assertIn("it is a public key", self.berth("sign", "--key", self.key("ada.pub"), target, code=3))
        self.assertIn("No such file", self.berth("verify", "--key", "none.pub", target, code=3))
        missing = f"oci://{self.reference}:none"
        self.berth("sign", "--key", self.key("ada.key"), missing, code=3)
        self.berth("verify", "--key", self.key("ada.pub"), missing, code=3)
        self.assertIn("only files and oci://", self.berth("sign", "--key", self.key("ada.key"), "https://127.0.0.1/x", code=3))
        self.berth("sign", target, code=2)
        self.berth("verify", target, code=2)


if __name__ == "__main__":
    unittest.main()
