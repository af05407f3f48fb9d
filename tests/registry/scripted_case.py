"""What the tests with a scripted registry share: a command run on it, with its error, time and memory checked."""
import pathlib
import tempfile
import unittest

from registries import MIB, berth
from scripted_registry import MODULE, ScriptedRegistry

BIG = MODULE + bytes(1) * (2 * MIB)
MODULE_FILE = "module.wasm"
SECONDS, MEMORY = 15, 24 * MIB
LOGIN, SECRET = "ada", "s3same-open"


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(prefix="berth-hostile-")
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name)
        (cls.folder / MODULE_FILE).write_bytes(MODULE)
        # What the program needs to do anything at all.
        with ScriptedRegistry() as registry:
            registry.add()
            done = berth("pull", f"oci://{registry.host}/a:v1", cwd=cls.folder)
            assert done.code == 0, done.err
            cls.base_memory = done.memory

    def start(self, *arguments, **options):
        registry = ScriptedRegistry(*arguments, **options)
        registry.__enter__()
        self.addCleanup(registry.__exit__)
        return registry

    def call(self, command, registry, *more, reference="a:v1", code=0, says=None, login=False, seconds=SECONDS):
        """Runs a command on the registry; checks its exit code, that its error matches `says`, time and memory."""
        flags = [*registry.flags, *more]
        if login:
            flags += ["--user", LOGIN, "--password-stdin"]
        where = f"oci://{registry.host}/{reference}"
        words = {"push": [MODULE_FILE, where], "pull": [where, "-o", "pulled.wasm"]}.get(command, [where])
        (self.folder / "pulled.wasm").unlink(missing_ok=True)
        done = berth(command, *words, *flags, cwd=self.folder, text=f"{SECRET}\n" if login else None)
        self.assertEqual(done.code, code, f"{done.out}{done.err}{registry.requests}")
        if says:
            self.assertRegex(done.err, says)
        self.assertNotIn(SECRET, done.err + done.out)
        self.assertLess(done.seconds, seconds)
        self.assertLess(done.memory - self.base_memory, MEMORY)
        if code != 0:
            # Its last line; one that says what moves may stand before it.
            self.assertTrue(done.err.splitlines()[-1].startswith("berth: "), done.err)
            self.assertFalse((self.folder / "pulled.wasm").exists())
        return done

    def pulled(self):
        return (self.folder / "pulled.wasm").read_bytes()
