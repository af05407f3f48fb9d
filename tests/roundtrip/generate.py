#!/usr/bin/env python3
"""Writes the round-trip test's WIT packages, their guests and the host's part of it, from one seed.

DIR/basics holds every WIT type once, DIR/nestings random nestings of them, DIR/wide a large variant; DIR/everything
the world and the guest of all of them and of handles/.
"""

import argparse
import pathlib
import random

import emit_guests
import emit_host
import emit_wit
from wit_types import Package


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    # Unchanged files keep their time, so nothing is rebuilt for them.
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--nestings", type=int, required=True, help="number of random nestings")
    parser.add_argument("--out", type=pathlib.Path, required=True, metavar="DIR")
    options = parser.parse_args()

    basics = Package.basics(random.Random(options.seed))
    nestings = Package.nestings(random.Random(options.seed + 1), options.nestings)
    write(options.out / "basics/guest.cpp", emit_guests.cpp(basics))
    wide = Package.wide(random.Random(options.seed + 2))
    for package in (nestings, wide):
        write(options.out / package.name / "guest.cpp", emit_guests.cpp_on_c(package))
    packages = (basics, nestings, wide)
    write(options.out / "everything/wit/everything.wit", emit_wit.world_of_all([p.name for p in packages] + ["handles"]))
    write(options.out / "everything/app.py", emit_guests.python(packages))
    for package in packages:
        write(options.out / "wit" / package.name / f"{package.name}.wit", emit_wit.package_text(package))
        write(options.out / package.name / "guest.js", emit_guests.js(package))
        files = emit_host.files(package, options.seed)
        for name, text in files.items():
            write(options.out / package.name / name, text)
        # CMake compiles what is there: not what another number of nestings left.
        for path in (options.out / package.name).glob("*.cc"):
            if path.name not in files:
                path.unlink()


if __name__ == "__main__":
    main()
