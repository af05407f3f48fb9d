"""Finds the shell blocks of the Markdown files, and what each one claims to be tested by.

Before each ```sh block stands one of
  <!-- test -->                   run by docs_test.py, in a scratch folder that looks like the tree
  <!-- test with: COMMAND -->     the same, while COMMAND runs in the background and answers on port 3500;
  <!-- test with: COMMAND, on URL -->  the same with another address
  <!-- covered by: PATH -->       not run here (it would install, or never end); PATH is the test that does
and after a tested block may stand <!-- output --> and a ```text block: what it prints, compared line by
line; a line of "…" stands for any number of lines, and "…" in a line for any text.
"""
import dataclasses
import pathlib
import re

MARK = re.compile(r"^<!-- (test|test with|covered by)(?:: (.+))? -->$")


@dataclasses.dataclass
class Block:
    file: str
    line: int
    kind: str  # "test", "test with", "covered by" or "" when nothing is said
    argument: str
    commands: str
    output: str | None


def fence(lines, start, language):
    """The text of a ```language block that begins at lines[start], and the index after it."""
    if start >= len(lines) or lines[start].strip() != f"```{language}":
        return None, start
    end = next(i for i in range(start + 1, len(lines)) if lines[i].strip() == "```")
    return "\n".join(lines[start + 1:end]), end + 1


def skip_empty(lines, index):
    while index < len(lines) and not lines[index].strip():
        index += 1
    return index


def blocks_of(root: pathlib.Path, path: pathlib.Path):
    lines = path.read_text().splitlines()
    mark = None
    index = 0
    while index < len(lines):
        line = lines[index].strip()
        match = MARK.match(line)
        if match:
            mark = match
            index += 1
            continue
        commands, after = fence(lines, index, "sh")
        if commands is None:
            if line:
                mark = None
            index += 1
            continue
        output = None
        follow = skip_empty(lines, after)
        if follow < len(lines) and lines[follow].strip() == "<!-- output -->":
            output, after = fence(lines, skip_empty(lines, follow + 1), "text")
        yield Block(path.relative_to(root).as_posix(), index + 1, mark.group(1) if mark else "",
                    (mark.group(2) or "") if mark else "", commands, output)
        mark = None
        index = after


def documents(root: pathlib.Path):
    # Not what stands in build trees, nor in packages of other people.
    for path in sorted(root.rglob("*.md")):
        parts = path.relative_to(root).parts
        if parts[0] not in ("build", ".git") and not parts[0].startswith("build-") and "node_modules" not in parts:
            if parts[:2] != ("engine", "target"):
                yield path


def all_blocks(root: pathlib.Path):
    for path in documents(root):
        yield from blocks_of(root, path)


def matches(wanted: str, printed: str) -> bool:
    pattern = []
    for line in wanted.splitlines():
        pattern.append(r"(?:.*\n)*" if line.strip() == "…" else
                       ".*".join(re.escape(part) for part in line.rstrip().split("…")) + r"[ ]*\n")
    text = "".join(line.rstrip() + "\n" for line in printed.splitlines())
    return re.fullmatch("".join(pattern), text) is not None
