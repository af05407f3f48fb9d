#!/usr/bin/env python3
"""Runs every tested command that the documents show, and compares what it prints.

usage: docs_test.py SOURCE_DIR BUILD_DIR [FILE…]
"""
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import docs_blocks

SECONDS_PER_BLOCK = 120
SECONDS_TO_START = 30


def lay_out(source: pathlib.Path, build: pathlib.Path, scratch: pathlib.Path):
    """A folder that looks like the tree, so that documents may say build/berth; what blocks write stays in it."""
    for entry in source.iterdir():
        if entry.name not in ("build", ".git"):
            (scratch / entry.name).symlink_to(entry)
    (scratch / "build").symlink_to(build)


def wait_until_ready(process, address):
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until:
        if process.poll() is not None:
            return f"it ended with code {process.returncode}"
        try:
            urllib.request.urlopen(address, timeout=1)
            return None
        except urllib.error.HTTPError:
            return None  # it answers; what, is the block's business
        except OSError:
            time.sleep(0.1)
    return f"nothing answers on {address} after {SECONDS_TO_START} s"


def run(block, scratch, environment):
    """An error message, or None."""
    background = None
    if block.kind == "test with":
        command, _, address = block.argument.partition(", on ")
        background = subprocess.Popen(shlex.split(command), cwd=scratch, env=environment, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.STDOUT)
        problem = wait_until_ready(background, address or "http://127.0.0.1:3500/")
        if problem:
            background.kill()
            return f"`{block.argument}`: {problem}"
    try:
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", block.commands], cwd=scratch, env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=SECONDS_PER_BLOCK)
    except subprocess.TimeoutExpired:
        return f"still runs after {SECONDS_PER_BLOCK} s"
    finally:
        if background:
            background.send_signal(signal.SIGTERM)
            try:
                background.wait(30)
            except subprocess.TimeoutExpired:
                background.kill()
    if done.returncode != 0:
        return f"exit code {done.returncode}, printed:\n{done.stdout}"
    if block.output is not None and not docs_blocks.matches(block.output, done.stdout):
        return f"the document promises\n{block.output}\nbut it prints\n{done.stdout}"
    return None


def main():
    source, build = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    only = set(sys.argv[3:])
    blocks = [block for block in docs_blocks.all_blocks(source) if not only or block.file in only]
    cache = os.environ.get("BERTH_CACHE") or os.path.expanduser("~/.cache/berth")
    failed = ran = 0
    for file in sorted({block.file for block in blocks}):
        # The blocks of one document follow each other, as its reader does.
        with tempfile.TemporaryDirectory(prefix="berth-docs-") as folder:
            scratch = pathlib.Path(folder)
            lay_out(source, build, scratch)
            environment = dict(os.environ, HOME=folder, BERTH_CACHE=cache, XDG_RUNTIME_DIR=folder,
                               XDG_CACHE_HOME=folder,
                               PATH=f"{cache}/tools/bin:{cache}/servers/bin:{os.environ['PATH']}")
            for block in (block for block in blocks if block.file == file):
                if not block.kind.startswith("test"):
                    continue
                ran += 1
                problem = run(block, scratch, environment)
                if problem:
                    failed += 1
                    print(f"FAILED {block.file}:{block.line}: {problem}", file=sys.stderr)
                else:
                    print(f"ok {block.file}:{block.line}")
    print(f"{ran - failed} blocks ran as shown, {failed} did not")
    return 1 if failed or not ran else 0


if __name__ == "__main__":
    sys.exit(main())
