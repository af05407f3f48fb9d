#!/usr/bin/env python3
"""Fails on an include that points up or sideways between rooms (ARCHITECTURE.md, "Arrows").

usage: arrows.py [ROOT]      prints each wrong arrow as file:line: message; exit code 1 if there is one
"""
import pathlib
import re
import sys

# What each room may include, besides itself. A room not named here may include nothing of ours.
ALLOWED = {
    "base": set(),
    "telemetry": {"base"},
    "net": {"base", "telemetry"},
    "artifact": {"base", "telemetry", "net"},
    "abi": {"base", "engine"},
    "manifest": {"base"},
    "host": {"base", "telemetry", "net", "artifact", "abi", "engine"},
    "capabilities": {"base", "telemetry", "net", "abi", "manifest"},
    "applications": {"include", "base", "telemetry", "net", "manifest", "host", "abi", "capabilities"},
    "include": {"base"},
    "bindgen": {"base"},
}
# Single headers beyond that: docs/adr/ says why.
ALLOWED_HEADERS = {"capabilities": {"host/capability.h"}}
# May include everything: the program, and what crosses rooms on purpose.
FREE = {"cli", "library", "tests", "bench", "fuzz", "tools"}
SOURCES = ("*.h", "*.cc", "*.cpp", "*.c")
INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]')


def room_of_file(path: pathlib.PurePosixPath):
    parts = path.parts
    if parts[0] == "src":
        return parts[1] if len(parts) > 2 else None
    if parts[0] == "tools":
        return "bindgen" if parts[1] == "bindgen" else "tools"
    if parts[0] == "include":
        return "include"
    return parts[0]


def room_of_include(text: str):
    """The room an include names, or None when it is a system header or generated."""
    first = text.split("/")[0]
    if text.startswith("engine/include/"):
        return "engine"
    if text.startswith("berth/"):
        return "include"
    if text.startswith("tools/bindgen/"):
        return "bindgen"
    if "/" in text and (first in ALLOWED or first in FREE):
        return first
    return None


def wrong_arrows(root: pathlib.Path):
    for folder in ("src", "include", "capabilities", "applications", "tools", "bench", "fuzz", "tests"):
        for pattern in SOURCES:
            for file in sorted((root / folder).rglob(pattern)):
                path = pathlib.PurePosixPath(file.relative_to(root).as_posix())
                if "guests" in path.parts:
                    continue  # guest sources are built against generated bindings, not against rooms
                room = room_of_file(path)
                if room is None or room in FREE:
                    continue
                if room not in ALLOWED:
                    yield f"{path}:1: '{room}' is not a room; add it to cmake/checks/arrows.py and ARCHITECTURE.md"
                    continue
                for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
                    match = INCLUDE.match(line)
                    target = room_of_include(match.group(1)) if match else None
                    if target is None or target == room:
                        continue
                    if target not in ALLOWED[room] and match.group(1) not in ALLOWED_HEADERS.get(room, ()):
                        may = ", ".join(sorted(ALLOWED[room])) or "nothing"
                        yield f"{path}:{number}: {room} may not include {match.group(1)}: {room} uses {may} only"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    found = list(wrong_arrows(root))
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
