#!/usr/bin/env python3
"""Counts test cases of ctest runs, honestly: each gtest case counts once, any other ctest entry counts once.

usage: count.py NAME=passed|failed… RESULTS_FOLDER…

A results folder holds junit.xml (ctest) and NAME.xml of each entry that is a gtest binary and ran to its end. A binary
that failed without a failed case (it crashed, hung or leaked) counts as one failure more.
Prints what failed and what was skipped with its reason; the last line is "N passed, N failed".
"""
import pathlib
import re
import sys
import xml.etree.ElementTree as xml


def gtest_cases(file):
    """Yields (name, state, reason) for each case of one gtest result file."""
    # gtest writes the parameters of tests as they are, and bad input is no XML.
    text = re.sub("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", file.read_text(errors="replace"))
    for case in xml.fromstring(text).iter("testcase"):
        name = f"{file.stem}: {case.get('classname')}.{case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None:
            yield name, "failed", ""
        elif skipped is not None or case.get("status") == "notrun":
            yield name, "skipped", (skipped.get("message") if skipped is not None else None) or "disabled"
        else:
            yield name, "passed", ""


def folder_cases(folder):
    for entry in xml.parse(folder / "junit.xml").getroot().iter("testcase"):
        name, status = entry.get("name"), entry.get("status")
        cases = []
        result = folder / f"{name}.xml"
        if result.is_file():
            try:
                cases = list(gtest_cases(result))
            except xml.ParseError as error:
                cases = [(f"{name}: {result} cannot be read: {error}", "failed", "")]
        yield from cases
        failed = entry.find("failure") is not None or status == "fail"
        if failed and not any(state == "failed" for _, state, _ in cases):
            yield f"{name} (the whole program)", "failed", ""
        elif entry.find("skipped") is not None or status in ("notrun", "disabled"):
            yield name, "failed", ""  # a test that could not be started is no test that passed
        elif not failed and not cases:
            yield name, "passed", ""


def main():
    cases = []
    for argument in sys.argv[1:]:
        if "=" in argument:
            name, state = argument.rsplit("=", 1)
            cases.append((name, state, ""))
        else:
            folder = pathlib.Path(argument)
            if not (folder / "junit.xml").is_file():
                cases.append((f"{folder.name}: no test ran", "failed", ""))
                continue
            cases += [(f"{folder.name}: {name}", state, reason) for name, state, reason in folder_cases(folder)]
    for name, state, reason in cases:
        if state != "passed":
            print(f"{state}: {name}" + (f" ({reason})" if reason else ""))
    count = {state: sum(1 for case in cases if case[1] == state) for state in ("passed", "failed", "skipped")}
    skipped = f", {count['skipped']} skipped" if count["skipped"] else ""
    print(f"{count['passed']} passed, {count['failed']} failed{skipped}")
    return 1 if count["failed"] or not count["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
