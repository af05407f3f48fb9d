"""`berth new store` in each language: the project's own build makes a store, and its own test passes with it."""
import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
BERTH = pathlib.Path(os.environ["BERTH_BUILD"]) / "berth"


class NewStore(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="berth-new-")))

    def new(self, *arguments):
        done = subprocess.run([BERTH, "new", "store", *arguments], cwd=self.folder, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def build_and_test(self, language):
        code, said = self.new("--lang", language, "basket")
        self.assertEqual(code, 0, said)
        project = self.folder / "basket"
        self.assertIn("# basket", (project / "README.md").read_text())
        for command in ([ROOT / "cmake/with_guest_tools.sh", project / "build.sh"], [project / "test.py"]):
            done = subprocess.run(command, env={**os.environ, "BERTH": str(BERTH)}, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.assertEqual(done.returncode, 0, done.stdout)

    def test_cpp(self):
        self.build_and_test("cpp")

    def test_go(self):
        self.build_and_test("go")

    def test_js(self):
        self.build_and_test("js")

    def test_python(self):
        self.build_and_test("python")

    def test_rust(self):
        (self.folder / "Cargo.toml").write_text("# of a project around it\n")
        self.build_and_test("rust")

    def test_mistakes(self):
        code, said = self.new("--lang", "cobol")
        self.assertEqual(code, 2, said)
        for language in ("cpp", "go", "js", "python", "rust"):
            self.assertIn(language, said)
        self.assertEqual(self.new()[0], 2)
        code, said = self.new("--lang", "go", "../basket")
        self.assertEqual(code, 2, said)
        (self.folder / "statestore").mkdir()
        code, said = self.new("--lang", "go")
        self.assertEqual(code, 5, said)
        self.assertIn("statestore is there already", said)
        self.assertEqual(list((self.folder / "statestore").iterdir()), [])


if __name__ == "__main__":
    unittest.main()
