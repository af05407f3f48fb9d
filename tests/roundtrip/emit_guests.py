"""The guests of the round-trip suites, in C++, JavaScript and Python."""

import pathlib

from wit_types import owns_memory

HERE = pathlib.Path(__file__).resolve().parent

CPP_PRIMITIVES = {
    "bool": "bool", "s8": "int8_t", "u8": "uint8_t", "s16": "int16_t", "u16": "uint16_t", "s32": "int32_t",
    "u32": "uint32_t", "s64": "int64_t", "u64": "uint64_t", "f32": "float", "f64": "double", "char": "uint32_t",
    "string": "wit::string",
}


def words(kebab):
    return kebab.split("-")


def pascal(kebab):
    return "".join(w[:1].upper() + w[1:].lower() for w in words(kebab))


def camel(kebab):
    name = pascal(kebab)
    return name[:1].lower() + name[1:]


def cpp_type(package, t):
    """A type as wit-bindgen cpp writes it."""
    if t is None:
        return None
    if t.kind == "alias":
        return cpp_type(package, t.parts[0][1])
    if t.name:
        return f"::berth::{package.name}::types::{pascal(t.name)}"
    inner = [cpp_type(package, part) for _, part in t.parts]
    if t.kind == "list":
        return f"wit::vector<{inner[0]}>"
    if t.kind == "option":
        return f"std::optional<{inner[0]}>"
    if t.kind == "tuple":
        return f"std::tuple<{', '.join(inner)}>"
    if t.kind == "result":
        return f"std::expected<{inner[0] or 'void'}, {inner[1] or 'wit::Void'}>"
    return CPP_PRIMITIVES[t.kind]


MADE = "// Made by tests/roundtrip/generate.py: echoes every value, directly or through the host."


def cpp(package):
    """On wit-bindgen cpp."""
    lines = [MADE, f'#include "{package.name}_cpp.h"', f'#include "{HERE / "cpp_guest.h"}"', "",
             f"namespace exports::berth::{package.name}::guest {{", "",
             "void SetThrough(bool on) { through_host = on; }"]
    for f in package.functions:
        names = [f"p{i}" for i in range(len(f.params))]
        params = ", ".join(f"{cpp_type(package, t)} {n}" for n, (_, t) in zip(names, f.params))
        function = pascal(f.name)
        lines.append(f"{cpp_type(package, f.result)} {function}({params}) {{ "
                     f"return echo(&::berth::{package.name}::host::{function}, {', '.join(names)}); }}")
    lines += ["", f"}}  // namespace exports::berth::{package.name}::guest", ""]
    return "\n".join(lines)


def c_type(package, t):
    """A type as wit-bindgen c writes it; only a named type, a string or a number has a name there."""
    if t.name:
        return f"berth_{package.name}_types_{t.name.replace('-', '_')}_t"
    return {"string": f"{package.name}_string_t", "f32": "float"}.get(t.kind) or CPP_PRIMITIVES[t.kind]


def c_free(package, t, pointer):
    """The call that frees what `pointer` holds, or nothing."""
    return f" {c_type(package, t)[:-1]}free({pointer});" if owns_memory(t) else ""


def unalias(t):
    return unalias(t.parts[0][1]) if t.kind == "alias" else t


def cpp_on_c(package):
    """On wit-bindgen c: its C++ generator does not compile, or miscompiles, some nestings (0.63)."""
    host, guest = (f"berth_{package.name}_{i}_" for i in ("host", "guest"))
    lines = [MADE, f'#include "{package.name}.h"', "", "namespace {", "bool through_host = false;", "}  // namespace", "",
             f"void exports_{guest}set_through(bool on) {{ through_host = on; }}"]
    for f in package.functions:
        name = f.name.replace("-", "_")
        names = [f"p{i}" for i in range(len(f.params))]
        types = [t for _, t in f.params]
        outer = unalias(f.result)
        answer, free_guard = "void", ""
        returned = f"{c_type(package, f.result)}* ret" if outer.kind not in ("option", "result") else ""
        if outer.kind == "option":  # a null pointer is none
            types = [outer.parts[0][1]]
            answer, free_guard, returned = "bool", "if (p0 != nullptr)", f"{c_type(package, types[0])}* ret"
            direct = "if (p0 != nullptr) *ret = *p0;\n  return p0 != nullptr;"
        elif outer.kind == "result":  # true is ok
            (_, ok), (_, error) = outer.parts
            answer = "bool"
            slots = [(ok, "ret", "ok"), (error, "err", "err")]
            returned = ", ".join(f"{c_type(package, t)}* {slot}" for t, slot, _ in slots if t)
            moves = [f"*{slot} = p0->val.{member};" if t else "" for t, slot, member in slots]
            direct = f"if (p0->is_err) {{ {moves[1]} }} else {{ {moves[0]} }}\n  return !p0->is_err;"
        elif len(names) == 1:
            direct = "*ret = *p0;"
        else:
            direct = " ".join(f"ret->f{i} = *p{i};" for i in range(len(names)))
        slots = ", ".join(names + [slot.split("* ")[1] for slot in returned.split(", ") if slot])
        signature = ", ".join([f"{c_type(package, t)}* {n}" for t, n in zip(types, names)] + [returned])
        frees = "".join(c_free(package, t, n) for t, n in zip(types, names)).strip()
        frees = f"{free_guard} {{ {frees} }}" if free_guard and frees else frees
        keep, give = ("const bool answer = ", "return answer;") if answer == "bool" else ("", "return;")
        lines += [f"{answer} exports_{guest}{name}({signature}) {{", "  if (through_host) {",
                  f"    {keep}{host}{name}({slots});", f"    {frees}", f"    {give}", "  }", f"  {direct}", "}"]
    return "\n".join(lines + [""])


def js(package):
    """An error result is thrown by the guest and by the imported function."""
    lines = [MADE, f"import * as host from 'berth:{package.name}/host@0.1.0';", "", "let through = false;", "",
             "function unwrap(result) {", "  if (result.tag === 'ok') return result.val;", "  throw result.val;", "}", "",
             "export const guest = {", "  setThrough(on) {", "    through = on;", "  },"]
    for f in package.functions:
        names = ", ".join(f"p{i}" for i in range(len(f.params)))
        direct = "p0" if len(f.params) == 1 else f"[{names}]"
        if unalias(f.result).kind == "result":
            direct = "unwrap(p0)"
        name = camel(f.name)
        lines += [f"  {name}({names}) {{", f"    return through ? host.{name}({names}) : {direct};", "  },"]
    return "\n".join(lines + ["};", ""])


def python(packages):
    """One application for all packages."""
    lines = [MADE.replace("//", "#"), "from python_guest import guest",
             *(f"from wit_world.imports import berth_{p.name}_host" for p in packages),
             "from berth_handles_guest import BerthHandlesGuest  # written by hand", ""]
    for package in packages:
        kinds = {"one": [], "several": [], "results": []}
        for f in package.functions:
            # A result behind an alias is a value here.
            kind = "results" if f.result.kind == "result" else "one" if len(f.params) == 1 else "several"
            kinds[kind].append(f.name.replace("-", "_"))
        given = ", ".join(f"{kind}={names!r}" for kind, names in kinds.items())
        lines.append(f"Berth{pascal(package.name)}Guest = guest(berth_{package.name}_host, {given})")
    return "\n".join(lines + [""])
