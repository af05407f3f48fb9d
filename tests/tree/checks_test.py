#!/usr/bin/env python3
"""Tests of the checks themselves: each must find what it is there for, in a small tree made for it."""
import os
import pathlib
import subprocess
import sys
import tempfile
import textwrap
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import docs_blocks  # noqa: E402


class Tree(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def check(self, script, *arguments):
        done = subprocess.run([sys.executable, str(ROOT / script), *(arguments or [str(self.root)])],
                              capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


class Arrows(Tree):
    def test_downward_is_fine(self):
        self.write("src/host/a.h", '#include "abi/engine.h"\n#include "base/error.h"\n#include <vector>\n')
        self.write("src/cli/a.cc", '#include "host/a.h"\n#include "capabilities/http/grants.h"\n')
        self.assertEqual(self.check("cmake/checks/arrows.py"), (0, ""))

    def test_upward_and_sideways_fail(self):
        wrong = {
            "src/base/a.h": "telemetry/log.h",
            "src/abi/a.cc": "net/http_server.h",
            "src/net/a.cc": "engine/include/berth_engine.h",
            "src/manifest/a.cc": "host/spec.h",
            "capabilities/http/a.cc": "engine/include/berth_engine.h",
            "applications/statestore/native/a.cc": "cli/run.h",
        }
        for name, include in wrong.items():
            self.write(name, f'// x\n#include "{include}"\n')
        code, output = self.check("cmake/checks/arrows.py")
        self.assertEqual(code, 1)
        for name, include in wrong.items():
            self.assertIn(f"{name}:2: ", output)
            self.assertIn(include, output)
        self.assertEqual(len(output.splitlines()), len(wrong))

    def test_a_new_room_must_be_declared(self):
        self.write("src/cellar/a.h", "// x\n")
        code, output = self.check("cmake/checks/arrows.py")
        self.assertEqual(code, 1)
        self.assertIn("'cellar' is not a room", output)


class TheTree(Tree):
    def setUp(self):
        super().setUp()
        subprocess.run(["git", "init", "-q", str(self.root)], check=True)

    def test_finds_each_fault(self):
        self.write("src/net/README.md", "see [here](nowhere.md)\n")
        self.write("src/net/string_util.cc", "// what\n")
        self.write("src/net/a.h", "// what\nclass ConnectionManager {\n};\n")
        self.write("src/net/b.cc", "int x;\n")
        self.write("src/net/c.cc", "// what\n// TO" + "DO later\n")
        self.write("src/abi/d.cc", "// what\n" + "\n" * 700)
        (self.root / "blob.bin").write_bytes(b"a\0b")
        (self.root / "guest.wasm").write_bytes(b"\0asm")
        code, output = self.check("cmake/checks/tree.py")
        self.assertEqual(code, 1)
        for expected in ("src/net/README.md:1: the link to nowhere.md", "src/net/string_util.cc: the file's name",
                         "src/net/a.h:2: 'ConnectionManager'", "src/net/b.cc:1: the first line", "src/net/c.cc:2: an open end",
                         "warning: src/abi/d.cc: 701 lines", "src/abi: no README.md", "blob.bin: a binary",
                         "guest.wasm: a binary"):
            self.assertIn(expected, output)

    def test_a_clean_tree_is_clean(self):
        self.write("src/net/README.md", "# net\n")
        self.write("src/net/a.h", "// what\nclass Connection {\n};\n")
        self.assertEqual(self.check("cmake/checks/tree.py"), (0, ""))


class Count(Tree):
    JUNIT = '<testsuite>{}</testsuite>'

    def results(self, tree, entries, gtests):
        self.write(f"{tree}/junit.xml", self.JUNIT.format("".join(entries)))
        for name, cases in gtests.items():
            self.write(f"{tree}/{name}.xml", f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
        return str(self.root / tree)

    def last_line(self, *arguments):
        code, output = self.check("tools/dev/count.py", *arguments)
        return code, output.splitlines()[-1], output

    PASS = '<testcase name="{}" status="run"/>'
    FAIL = '<testcase name="{}" status="fail"><failure/></testcase>'
    CASE = '<testcase name="{}" classname="T" status="run"/>'
    BAD = '<testcase name="{}" classname="T" status="run"><failure message="m"/></testcase>'
    SKIPPED = '<testcase name="{}" classname="T" status="run"><skipped message="no IPv6 here"/></testcase>'

    def test_adds_cases_and_other_entries(self):
        folder = self.results("release", [self.PASS.format("a_test"), self.PASS.format("docs")],
                              {"a_test": [self.CASE.format("x"), self.CASE.format("y")]})
        self.assertEqual(self.last_line("lint=passed", folder)[:2], (0, "4 passed, 0 failed"))

    def test_failures_and_skips(self):
        folder = self.results("release", [self.FAIL.format("a_test")],
                              {"a_test": [self.CASE.format("x"), self.BAD.format("y"), self.SKIPPED.format("z")]})
        code, last, output = self.last_line("lint=failed", folder)
        self.assertEqual((code, last), (1, "1 passed, 2 failed, 1 skipped"))
        self.assertIn("skipped: release: a_test: T.z (no IPv6 here)", output)

    def test_a_crash_counts(self):
        folder = self.results("release", [self.FAIL.format("a_test")], {})
        self.assertEqual(self.last_line(folder)[:2], (1, "0 passed, 1 failed"))

    def test_a_leak_at_exit_counts(self):
        folder = self.results("release", [self.FAIL.format("a_test")], {"a_test": [self.CASE.format("x")]})
        self.assertEqual(self.last_line(folder)[:2], (1, "1 passed, 1 failed"))

    def test_bad_input_in_a_name_counts(self):
        case = '<testcase name="x" value_param="a\x01b" classname="T" status="run"/>'
        folder = self.results("release", [self.PASS.format("a_test")], {"a_test": [case, self.CASE.format("y")]})
        self.assertEqual(self.last_line(folder)[:2], (0, "2 passed, 0 failed"))

    def test_results_that_cannot_be_read_are_a_failure(self):
        folder = self.results("release", [self.PASS.format("a_test")], {"a_test": [self.CASE.format("x"), "<"]})
        code, last, output = self.last_line(folder)
        self.assertEqual((code, last), (1, "0 passed, 1 failed"))
        self.assertIn("a_test.xml cannot be read", output)

    def test_no_results_is_a_failure(self):
        self.assertEqual(self.last_line(str(self.root / "nothing"))[:2], (1, "0 passed, 1 failed"))


class Documents(Tree):
    def test_blocks_marks_and_output(self):
        self.write("a.md", """\
            text
            <!-- test -->
            ```sh
            echo hello
            ```
            <!-- output -->
            ```text
            hello
            ```
            <!-- covered by: b -->
            ```sh
            ./never-ends
            ```

            ```sh
            unmarked
            ```
            """)
        first, second, third = docs_blocks.all_blocks(self.root)
        self.assertEqual((first.kind, first.commands, first.output), ("test", "echo hello", "hello"))
        self.assertEqual((second.kind, second.argument), ("covered by", "b"))
        self.assertEqual((third.kind, third.line), ("", 15))

    def test_output_with_gaps(self):
        self.assertTrue(docs_blocks.matches("a\n…\nd 1… ms", "a\nb\nc\nd 123 ms\n"))
        self.assertFalse(docs_blocks.matches("a\nb", "a\n"))
        self.assertFalse(docs_blocks.matches("a", "a\nb\n"))

    def test_every_block_of_this_project_is_marked(self):
        wrong = [f"{block.file}:{block.line}: say what tests this block (tests/tree/docs_blocks.py)"
                 for block in docs_blocks.all_blocks(ROOT)
                 if not block.kind or (block.kind == "covered by" and not (ROOT / block.argument).exists())]
        self.assertEqual(wrong, [])

    def test_a_wrong_promise_fails(self):
        self.write("source/a.md", """\
            <!-- test -->
            ```sh
            echo goodbye
            ```
            <!-- output -->
            ```text
            hello
            ```
            """)
        (self.root / "build").mkdir()
        code, output = self.check("tests/tree/docs_test.py", str(self.root / "source"), str(self.root / "build"))
        self.assertEqual(code, 1)
        self.assertIn("a.md:2", output)


class Dev(unittest.TestCase):
    def test_help_names_every_command_and_nothing_unknown_runs(self):
        text = subprocess.run([str(ROOT / "dev"), "help"], capture_output=True, text=True, check=True).stdout
        for command in ("setup", "build", "run", "test", "bench", "fuzz", "lint", "fmt", "demo"):
            self.assertIn(f"\n  {command}", text)
        unknown = subprocess.run([str(ROOT / "dev"), "nonsense"], capture_output=True, text=True)
        self.assertEqual(unknown.returncode, 2)
        self.assertIn("no command 'nonsense'", unknown.stderr)

    def test_set_up_is_quick_the_second_time(self):
        environment = dict(os.environ)
        subprocess.run([str(ROOT / "dev"), "setup"], check=True, env=environment, capture_output=True)
        # Processor time, not the clock: a busy machine must not decide the test.
        before = os.times()
        subprocess.run([str(ROOT / "dev"), "setup"], check=True, env=environment, capture_output=True)
        after = os.times()
        spent = after.children_user + after.children_system - before.children_user - before.children_system
        self.assertLess(spent, 1.0)


if __name__ == "__main__":
    unittest.main()
