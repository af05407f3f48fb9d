"""Beside files: what berth signs, cosign and openssl verify, and the other way round; keys and their passwords."""
import base64
import json
import os
import pty
import select
import subprocess
import time
import unittest

import world
from registries import samples
from world import BUILD, PASSWORD, SIZES, World


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
        self.berth("sign", "--key", self.key("bob.key"), "--password-file", "password", file, COSIGN_PASSWORD="wrong")
        self.verify(file, "bob")
        self.assertIn("does not open", self.berth("sign", "--key", self.key("bob.key"), file, code=5, COSIGN_PASSWORD="wrong"))
        self.assertIn("No such file", self.berth("sign", "--key", self.key("bob.key"), "--password-file", "none", file, code=3))

    def test_without_one_it_is_said_what_to_do(self):
        environment = {name: value for name, value in self.environment.items() if name != "COSIGN_PASSWORD"}
        done = subprocess.run([BUILD / "berth", "sign", "--key", self.key("bob.key"), self.module()], cwd=self.folder, text=True,
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
        self.assertEqual((self.key("bob.key").stat().st_mode & 0o777, self.key("bob.pub").stat().st_mode & 0o777), (0o600, 0o644))
        self.assertIn("File exists", self.run_in(self.keys, BUILD / "berth", "keygen", "--output", "bob", code=5).stderr)
        said = json.loads(self.berth("keygen", "--json", "--output", "new"))
        der = subprocess.run(["openssl", "pkey", "-pubin", "-in", self.folder / "new.pub", "-outform", "DER"], capture_output=True, check=True)
        self.assertEqual(said["fingerprint"], world.sha256(der.stdout))


if __name__ == "__main__":
    unittest.main()
