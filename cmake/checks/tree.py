#!/usr/bin/env python3
"""Checks of the tree as a whole: names, first lines, sizes, open ends, binaries, links in the docs.

usage: tree.py [ROOT]    prints file:line: message for each finding; exit code 1 if there is an error.
A line that starts with "warning:" does not fail.
"""
import pathlib
import re
import subprocess
import sys

CODE = {".cc", ".h", ".cpp", ".c", ".rs", ".py", ".sh"}
SKIPPED = ("LICENSE", "engine/Cargo.lock")
# A name with one of these words says nothing about what the thing does.
EMPTY_WORDS = re.compile(r"manager|util|helper|context", re.IGNORECASE)
# Words of others that we must use or that are exact: reason beside each.
ALLOWED_NAMES = {
    "io_context": "Asio's own word for an event loop",
    "IoContext": "wraps Asio's io_context",
}
TYPE = re.compile(r"^\s*(?:class|struct|enum class)\s+(?:\[\[\w+\]\]\s*)?(\w+)")
OPEN_END = re.compile(r"\b(TODO|FIXME|XXX\b|GTEST_SKIP|DISABLED_\w*|unimplemented!|todo!)|#\[ignore")
BINARY = {".wasm", ".cwasm", ".so", ".a", ".o", ".tar", ".gz", ".zip", ".png", ".jpg", ".pyc"}
MAX_LINES = 600
LINK = re.compile(r"\]\(([^)#]+?)(?:#[^)]*)?\)")
# Folders that hold one room each must say what they are.
ROOMS = ("src/*", "capabilities/*", "applications/*", "engine", "tools/*", "bench", "fuzz", "tests/*")


def files(root):
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root,
                            check=True, capture_output=True).stdout.decode().split("\0")
    return [pathlib.PurePosixPath(name) for name in sorted(set(listed)) if name and (root / name).is_file()]


def check_code(path, text):
    lines = text.splitlines()
    first = lines[0] if lines else ""
    if path.suffix == ".py" and first.startswith("#!") and len(lines) > 1:
        first = lines[1]
    if path.suffix == ".sh" and first.startswith("#!") and len(lines) > 1:
        first = lines[1]
    if not first.startswith(("//", "/*", "#", '"""')):
        yield f"{path}:1: the first line must say what the file does"
    if len(lines) > MAX_LINES:
        yield f"warning: {path}: {len(lines)} lines; a file that does one thing rarely needs more than {MAX_LINES}"
    for number, line in enumerate(lines, 1):
        if OPEN_END.search(line) and "cmake/checks" not in str(path):
            yield f"{path}:{number}: an open end or a skipped test: {line.strip()[:80]}"
        match = TYPE.match(line) if path.suffix in (".h", ".cc") else None
        if match and EMPTY_WORDS.search(match.group(1)) and match.group(1) not in ALLOWED_NAMES:
            yield f"{path}:{number}: '{match.group(1)}' says nothing about what it does; find a better name"


def check_docs(root, path, text):
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            fenced = not fenced
        if fenced:
            continue
        for target in LINK.findall(line):
            if "://" not in target and not (root / path.parent / target).exists():
                yield f"{path}:{number}: the link to {target} leads nowhere"


def check(root):
    listed = files(root)
    for path in listed:
        if str(path) in SKIPPED:
            continue
        if path.suffix in BINARY:
            yield f"{path}: a binary; the build or ./dev setup must make it"
            continue
        data = (root / path).read_bytes()
        if b"\0" in data and "corpus" not in path.parts:
            yield f"{path}: a binary; the build or ./dev setup must make it"
            continue
        if EMPTY_WORDS.search(path.stem) and path.stem not in ALLOWED_NAMES:
            yield f"{path}: the file's name says nothing about what is in it"
        text = data.decode(errors="replace")
        if path.suffix in CODE and data:
            yield from check_code(path, text)
        if path.suffix == ".md":
            yield from check_docs(root, path, text)
    names = {str(path) for path in listed}
    for pattern in ROOMS:
        for room in sorted(root.glob(pattern)):
            relative = room.relative_to(root)
            has_code = any(path.startswith(f"{relative}/") for path in names)
            if room.is_dir() and has_code and f"{relative}/README.md" not in names:
                yield f"{relative}: no README.md: what it is, its main types, where to change what"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    found = list(check(root))
    for line in found:
        print(line)
    return 1 if any(not line.startswith("warning:") for line in found) else 0


if __name__ == "__main__":
    sys.exit(main())
