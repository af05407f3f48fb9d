#!/usr/bin/env python3
"""Writes, from a seed, a WIT world of echo functions, a C and a JavaScript guest for it, and the host's
test table: generate.py SEED COUNT DIR. Every WIT value type appears once; COUNT types are random nestings.

Each function takes and returns a record with one field of the type under test, so that a guest in C is
the same line for every type.
"""

import pathlib
import random
import sys

SCALARS = ["bool", "s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64", "char"]


def pascal(name):
    return "".join(word.capitalize() for word in name.split("-"))


class Generator:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.declarations = []  # WIT text of the named types
        self.makers = []  # (C++ name, C++ expressions that make one)

    def declare(self, kind, body, makers):
        name = f"{kind}{len(self.declarations)}"
        self.declarations.append(f"  {kind} {name} {{ {body} }}")
        self.makers.append((pascal(name), makers))
        return name

    def record(self, types):
        fields = [f"f{i}-x" for i in range(len(types))]
        body = ", ".join(f"{f}: {t}" for f, t in zip(fields, types))
        makes = " ".join(f"fill(r, out.f{i}_x);" for i in range(len(types)))
        return self.declare("record", body, makes)

    def variant(self, types):
        body = ", ".join(f"c{i}" + (f"({t})" if t else "") for i, t in enumerate(types))
        arms = [
            f"case {i}: {{ auto& c = out.cases.template emplace<{i}>(); (void)c; {'fill(r, c.value); ' if t else ''}break; }}"
            for i, t in enumerate(types)
        ]
        return self.declare("variant", body, f"switch (r.below({len(types)})) {{ {' '.join(arms)} }}")

    def enum(self, count):
        body = ", ".join(f"e{i}" for i in range(count))
        return self.declare("enum", body, f"out = static_cast<T>(r.below({count}));")

    def flags(self, count):
        body = ", ".join(f"g{i}" for i in range(count))
        return self.declare("flags", body, "out.bits = static_cast<typename T::Bits>(r.bits() & T::kAll);")

    def nested(self, depth):
        rng = self.rng
        if depth == 0:
            return rng.choice([*SCALARS, "string"])
        inner = lambda: self.nested(rng.randrange(depth))
        kind = rng.choice(["list", "list", "option", "tuple", "result", "record", "record", "variant", "enum", "flags"])
        if kind == "list":
            return f"list<{inner()}>"
        if kind == "option":
            return f"option<{inner()}>"
        if kind == "tuple":
            return f"tuple<{', '.join(inner() for _ in range(rng.randint(1, 4)))}>"
        if kind == "result":
            return rng.choice(["result", f"result<{inner()}>", f"result<_, {inner()}>", f"result<{inner()}, {inner()}>"])
        if kind == "record":
            return self.record([inner() for _ in range(rng.randint(1, 5))])
        if kind == "variant":
            return self.variant([inner() if rng.random() < 0.75 else None for _ in range(rng.randint(1, 5))])
        return self.enum(rng.randint(1, 9)) if kind == "enum" else self.flags(rng.randint(1, 32))


def main():
    seed, count, out = int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3])
    g = Generator(seed)
    types = [*SCALARS, "string"]
    types += [f"list<{t}>" for t in types] + [f"option<{t}>" for t in types]
    types += ["tuple<u8, u64, string>", "result", "result<f32>", "result<_, f64>", "result<u32, s64>", "option<option<u8>>"]
    types += [g.record(["u8", "u64", "string", "bool"]), g.variant([None, "f32", "u64", "string"]), g.enum(3), g.enum(257)]
    types += [g.flags(n) for n in (1, 8, 9, 17, 32)]
    types += [g.nested(2 + i % 3) for i in range(count)]
    holders = [g.record([t]) for t in types]

    functions = [f"  echo{i}: func(v: {h}) -> {h};" for i, h in enumerate(holders)]
    wit = "\n".join(["package test:nest@0.1.0;", "interface echo {", *g.declarations, *functions, "}", "world nest { export echo; }", ""])
    c = ['#include "nest.h"']
    for i, h in enumerate(holders):
        t = f"exports_test_nest_echo_{h.replace('-', '_')}_t"
        c.append(f"void exports_test_nest_echo_echo{i}({t}* v, {t}* ret) {{ *ret = *v; }}")
    js = "export const echo = {\n" + "".join(f"  echo{i}: (v) => v,\n" for i in range(len(holders))) + "};\n"
    space = "::wit::nest::test::nest::echo::"
    cc = ["// Made by tests/bindings/generate.py.", "#pragma once", "namespace berth::nest {", f"inline constexpr unsigned long kSeed = {seed};"]
    for name, body in g.makers:
        cc.append(f"template <> struct Filler<{space}{name}> {{ using T = {space}{name}; static void fill([[maybe_unused]] Random& r, T& out) {{ using berth::nest::fill; {body} }} }};")
    cc.append("template <class Case> void each_case(Case&& run) {")
    for i, (h, t) in enumerate(zip(holders, types)):
        cc.append(f'  run.template operator()<{space}{pascal(h)}, &::wit::nest::test::nest::Echo::echo{i}>("{t}");')
    cc += ["}", "}  // namespace berth::nest", ""]

    for path, text in {"wit/nest.wit": wit, "nest.c": "\n".join([*c, ""]), "nest.js": js, "nest_cases.h": "\n".join(cc)}.items():
        file = out / path
        file.parent.mkdir(parents=True, exist_ok=True)
        # A file that stays the same keeps its time: nothing is rebuilt for it.
        if not file.exists() or file.read_text() != text:
            file.write_text(text)


main()
