"""The host's part of a round-trip suite: what the guest imports, and a table of what it exports."""

PER_FILE = 16  # functions in one source, so that no compilation is long

PRIMITIVES = {
    "bool": "bool", "s8": "std::int8_t", "u8": "std::uint8_t", "s16": "std::int16_t", "u16": "std::uint16_t",
    "s32": "std::int32_t", "u32": "std::uint32_t", "s64": "std::int64_t", "u64": "std::uint64_t", "f32": "float",
    "f64": "double", "char": "char32_t", "string": "std::string",
}
MADE = "// Made by tests/roundtrip/generate.py."


def pascal(kebab):
    """berth-bindgen keeps words of digits apart."""
    out = ""
    for word in kebab.split("-"):
        out += ("_" if out and word[0].isdigit() else "") + word[0].upper() + word[1:].lower()
    return out


def snake(kebab):
    name = kebab.replace("-", "_")
    return name + "_" if name == "delete" else name


def cpp_type(package, t, missing="void"):
    if t is None:
        return missing
    if t.kind == "alias":
        return cpp_type(package, t.parts[0][1])
    if t.name:
        return "types::" + pascal(t.name)
    if t.kind == "result":
        ok, error = (part for _, part in t.parts)
        return f"std::expected<{cpp_type(package, ok)}, {cpp_type(package, error, 'std::monostate')}>"
    inner = ", ".join(cpp_type(package, part) for _, part in t.parts)
    shell = {"list": "std::vector", "option": "std::optional", "tuple": "std::tuple"}
    return f"{shell[t.kind]}<{inner}>" if t.kind in shell else PRIMITIVES[t.kind]


def parameter(package, t):
    """How a capability takes it."""
    while t.kind == "alias":
        t = t.parts[0][1]
    name = cpp_type(package, t)
    if t.kind == "string":
        return "std::string_view"
    if t.kind in PRIMITIVES or t.kind in ("enum", "flags"):
        return name
    if t.kind == "list" and name != "std::vector<bool>":
        return f"std::span<const {cpp_type(package, t.parts[0][1])}>"
    return f"const {name}&"


def files(package, seed):
    space = f"wit::{package.name}::berth::{package.name}"
    opening = [MADE, f"#include <bindings/roundtrip_{package.name}.h>", "", '#include "roundtrip/echo.h"', "",
               f"namespace berth::roundtrip::{package.name} {{", "",
               f"namespace types = ::{space}::types;", f"using ::{space}::Guest;", f"using ::{space}::GuestExport;",
               f"using ::{space}::Host;", ""]
    closing = ["", f"}}  // namespace berth::roundtrip::{package.name}", ""]
    out = {}

    chunks = [package.functions[i:i + PER_FILE] for i in range(0, len(package.functions), PER_FILE)]
    for number, chunk in enumerate(chunks):
        lines = opening + [f"void cases_{number}(std::vector<EchoCase>& out) {{"]
        for f in chunk:
            types = ", ".join(cpp_type(package, t) for _, t in f.params)
            lines.append(f'  out.push_back({{"{f.name}", "{f.text()}",\n'
                         f"                 &echo<&Guest::{snake(f.name)}, {types}>}});")
        out[f"cases_{number}.cc"] = "\n".join(lines + ["}"] + closing)

    lines = opening + ["namespace {", "", "// Answers each value with itself.", "class Echoes final : public Host {", " public:"]
    for f in package.functions:
        names = [f"p{i}" for i in range(len(f.params))]
        params = ", ".join(f"{parameter(package, t)} {n}" for n, (_, t) in zip(names, f.params))
        lines.append(f"  Result<{cpp_type(package, f.result)}> {snake(f.name)}({params}) override {{\n"
                     f"    return answer<{cpp_type(package, f.result)}>({', '.join(names)});\n  }}")
    lines += ["};", "", "}  // namespace", "",
              "Result<void> add_host(abi::Linker& linker) { return Host::add_to_linker(linker); }",
              "void provide_host(abi::InstanceState& state) { state.provide<Host>(std::make_shared<Echoes>()); }"]
    out["host.cc"] = "\n".join(lines + closing)

    lines = opening + [f"void cases_{n}(std::vector<EchoCase>& out);" for n in range(len(chunks))]
    lines += ["Result<void> add_host(abi::Linker& linker);", "void provide_host(abi::InstanceState& state);", "",
              "Suite suite() {",
              f"  Suite out{{.seed = {seed},", "            .host = {add_host, provide_host},",
              "            .open = roundtrip::open<Guest, GuestExport>,",
              "            .set_through = roundtrip::set_through<Guest>,", "            .cases = {}};"]
    lines += [f"  cases_{n}(out.cases);" for n in range(len(chunks))]
    lines += ["  return out;", "}"]
    out["guest.cc"] = "\n".join(lines + closing)

    if len(chunks) == 1:  # one source: the types are parsed once
        out = {"all.cc": "\n".join(opening + [text[len("\n".join(opening)):-len("\n".join(closing))] for text in out.values()] + closing)}
    out[f"roundtrip_{package.name}_suite.h"] = "\n".join(
        [MADE, "#pragma once", "", '#include "roundtrip/suite.h"', "", f"namespace berth::roundtrip::{package.name} {{", "",
         "Suite suite();", *closing])
    return out
