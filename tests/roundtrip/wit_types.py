"""The type model of the round-trip test: WIT types, their texts, and random nestings of them."""

from dataclasses import dataclass, field

PRIMITIVES = ["bool", "s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64", "char", "string"]

# Labels that are keywords somewhere: in C++, in JavaScript or in WIT. (co-await stands only in an
# enum, below: wit-bindgen cpp 0.63 does not escape it as a field.)
LABELS = [
    "class", "namespace", "template", "delete", "int", "double", "operator", "this", "new", "void", "default",
    "auto", "register", "public", "static", "union", "struct", "export", "import", "xor", "not",
    "bitand", "requires", "concept", "record", "type", "list", "string", "result", "func", "with", "function",
    "var", "let", "await", "arguments", "value", "error", "self", "length", "constructor", "prototype", "a",
    "b2", "two-words", "HTTP-code", "x", "std", "wit", "size", "main", "errno", "final", "override",
]


@dataclass(eq=False)
class Type:
    """One WIT type. `parts` are (label or None, Type or None): elements, fields, or cases."""

    kind: str
    parts: list = field(default_factory=list)
    name: str = ""  # of a named type, in kebab-case

    def wit(self):
        """How a function or another type refers to it."""
        if self.name:
            return "%" + self.name
        inner = ["_" if t is None else t.wit() for _, t in self.parts]
        if self.kind == "result":
            ok, err = inner
            return {(True, True): "result", (False, True): f"result<{ok}>"}.get((ok == "_", err == "_"), f"result<{ok}, {err}>")
        return f"{self.kind}<{', '.join(inner)}>" if inner else self.kind

    def text(self):
        """The type with every name expanded, for a failure message."""
        if self.kind in ("enum", "flags"):
            return f"{self.kind}{{{len(self.parts)} labels}}"
        if self.kind == "record":
            return "record{" + ", ".join(f"{l}: {t.text()}" for l, t in self.parts) + "}"
        if self.kind == "variant":
            cases = [l if t is None else f"{l}({t.text()})" for l, t in self.parts[:20]]
            return "variant{" + ", ".join(cases) + (", ..." if len(self.parts) > 20 else "") + "}"
        if self.kind == "alias":
            return self.parts[0][1].text()
        inner = ["_" if t is None else t.text() for _, t in self.parts]
        return f"{self.kind}<{', '.join(inner)}>" if inner else self.kind

    def declaration(self):
        """The WIT text that declares a named type."""
        name = "%" + self.name
        if self.kind == "alias":
            return f"  type {name} = {self.parts[0][1].wit()};"
        if self.kind in ("enum", "flags"):
            body = ", ".join("%" + l for l, _ in self.parts)
        elif self.kind == "record":
            body = ", ".join(f"%{l}: {t.wit()}" for l, t in self.parts)
        else:
            body = ", ".join("%" + l if t is None else f"%{l}({t.wit()})" for l, t in self.parts)
        return f"  {self.kind} {name} {{ {body} }}"


@dataclass(eq=False)
class Function:
    """An echo: its parameters come back, as they are or, when there are several, as a tuple."""

    name: str
    params: list  # of (label, Type)
    result: Type

    def wit(self):
        params = ", ".join(f"%{l}: {t.wit()}" for l, t in self.params)
        return f"  %{self.name}: func({params}) -> {self.result.wit()};"

    def text(self):
        return f"func({', '.join(t.text() for _, t in self.params)})"


def owns_memory(t):
    """Whether a value of it holds memory of its own in a guest."""
    return t is not None and (t.kind in ("string", "list") or any(owns_memory(inner) for _, inner in t.parts))


def primitive(name):
    return Type(name)


def list_of(t):
    return Type("list", [(None, t)])


def option_of(t):
    return Type("option", [(None, t)])


def tuple_of(*types):
    return Type("tuple", [(None, t) for t in types])


def result_of(ok, err):
    return Type("result", [(None, ok), (None, err)])


class Package:
    """One WIT package: the functions and named types of one seed."""

    def __init__(self, name, rng):
        self.name = name
        self.rng = rng
        self.types = []  # named, in declaration order
        self.functions = []
        self.counter = {}
        self.prims = {name: primitive(name) for name in PRIMITIVES}

    @staticmethod
    def basics(rng):
        """Every type there is, and the positions that have a rule of their own."""
        package = Package("basics", rng)
        package._basic()
        return package

    @staticmethod
    def nestings(rng, count):
        """`count` functions of random types, after those that wit-bindgen cpp 0.63 gets wrong."""
        package = Package("nestings", rng)
        package._corners()
        for number in range(count):
            package._random_function(number)
        return package

    @staticmethod
    def wide(rng):
        """A variant whose discriminant has two bytes; apart, because its std::variant compiles for long."""
        package = Package("wide", rng)
        p = package.prims
        cases = [(f"c{i}", [p["u16"], p["f64"], None][i % 3] if i > 250 else None) for i in range(257)]
        package.echo("echo-variant-257", package.named("variant", cases))
        return package

    def below(self, n):
        return int(self.rng.random() * n)

    def named(self, kind, parts, name=None):
        if name is None:
            self.counter[kind] = self.counter.get(kind, 0) + 1
            name = f"{kind}-{self.counter[kind]}"
        t = Type(kind, parts, name)
        self.types.append(t)
        return t

    def labels(self, n):
        pool = LABELS + [f"label-{i}" for i in range(max(0, n - len(LABELS) // 2))]
        return sorted(pool, key=lambda _: self.rng.random())[:n]

    def echo(self, name, *types, names=None):
        names = names or (["v"] if len(types) == 1 else [f"p{i}" for i in range(len(types))])
        result = types[0] if len(types) == 1 else tuple_of(*types)
        self.functions.append(Function(name, list(zip(names, types)), result))

    def _basic(self):
        p = self.prims
        for name in PRIMITIVES:
            self.echo(f"echo-{name}", p[name])
            self.echo(f"echo-list-{name}", list_of(p[name]))
            self.echo(f"echo-option-{name}", option_of(p[name]))
        self.echo("echo-list-list", list_of(list_of(p["string"])))
        self.echo("echo-option-option", option_of(option_of(p["u32"])))
        self.echo("echo-list-option-option", list_of(option_of(option_of(p["u8"]))))
        self.echo("echo-tuple-one", tuple_of(p["u16"]))
        self.echo("echo-tuple", tuple_of(p["u8"], p["s64"], p["string"], p["f32"]))
        self.echo("echo-tuple-list", list_of(tuple_of(p["u8"], p["f64"], p["bool"], p["char"])))
        # One flat parameter below, at and above the canonical ABI's 16.
        for n in (15, 16, 17):
            self.echo(f"echo-flat-{n}", *(p[PRIMITIVES[i % 12]] for i in range(n)))
        self.echo("echo-flat-strings", *([p["string"]] * 9))
        self.echo("echo-flat-tuple", tuple_of(*(p[PRIMITIVES[i % 13]] for i in range(20))), p["u8"])
        self.echo("delete", p["u32"], p["string"], names=["new", "this"])

        self.echo("echo-record", self.named("record", [(l, p[x]) for l, x in zip(self.labels(13), PRIMITIVES)]))
        small = self.named("record", [("class", p["u8"]), ("namespace", p["string"])], "class")
        self.echo("echo-record-keywords", small)
        self.echo("echo-record-list", list_of(small))
        mixed = self.named("variant", [("default", None), ("new", p["u8"]), ("int", p["f32"]), ("double", p["f64"]),
                                       ("this", p["s64"]), ("string", p["string"]), ("operator", small)])
        self.echo("echo-variant", mixed)
        self.echo("echo-variant-one", self.named("variant", [("only", p["string"])]))
        for n in (1, 2, 256, 257):
            self.echo(f"echo-enum-{n}", self.named("enum", [(f"e{i}", None) for i in range(n)]))
        words = self.named("enum", [(l, None) for l in [*self.labels(20), "co-await"]], "namespace")
        self.echo("echo-enum-keywords", words)
        for n in (1, 2, 7, 8, 9, 16, 17, 31, 32):  # 32 is the most a validator accepts
            self.echo(f"echo-flags-{n}", self.named("flags", [(f"f{i}", None) for i in range(n)]))
        marks = self.named("flags", [(l, None) for l in self.labels(12)], "template")
        self.echo("echo-flags-keywords", marks)
        self.echo("echo-flags-list", list_of(marks))
        self.echo("echo-enum-list", list_of(words))
        self.echo("echo-result", result_of(None, None))
        self.echo("echo-result-ok", result_of(p["f64"], None))
        self.echo("echo-result-error", result_of(None, p["u64"]))
        self.echo("echo-result-both", result_of(p["u8"], words))
        self.echo("echo-result-units", tuple_of(result_of(None, None), option_of(result_of(None, p["char"]))))
        self.echo("echo-alias", self.named("alias", [(None, list_of(small))], "string-list"))

    def _corners(self):
        p = self.prims
        alias = lambda name, t: self.named("alias", [(None, t)], name)
        bytes_ = alias("bytes", list_of(p["u8"]))
        words = self.named("enum", [(l, None) for l in self.labels(9)], "words")
        deep = alias("some-option", option_of(option_of(p["string"])))
        self.echo("corner-option-deep", option_of(deep))
        self.echo("corner-option-string", option_of(p["string"]))
        self.echo("corner-result-ok", alias("result-ok", result_of(p["string"], None)))
        self.echo("corner-result-error", alias("result-error", result_of(None, bytes_)))
        both = alias("result-both", result_of(bytes_, words))
        self.echo("corner-result-both", both)
        inner_ok = alias("inner-ok", result_of(p["f32"], p["string"]))
        inner_error = alias("inner-error", result_of(None, p["u64"]))
        self.echo("corner-result-result", alias("result-result", result_of(inner_ok, inner_error)))
        self.echo("corner-result-list", alias("result-list", list_of(both)))
        mixed = self.named("variant", [("default", None), ("new", p["u8"]), ("int", p["f32"]), ("double", p["f64"]),
                                       ("this", p["s64"]), ("string", p["string"]), ("bytes", bytes_)], "mixed")
        self.echo("corner-variant-list", alias("variant-list", list_of(mixed)))

    def random_type(self, depth, outermost=False):
        """A type nested to at most `depth`; an outermost one is never a scalar, an option or a result."""
        p = self.prims
        if depth == 0:
            return p[PRIMITIVES[self.below(13)]]
        inner = lambda: self.random_type(self.below(depth) if self.rng.random() < 0.35 else depth - 1)
        kinds = ["list", "list", "tuple", "record", "record", "variant", "variant"]
        if not outermost:
            kinds += ["option", "option", "result", "enum", "flags", "alias", "again"]
        kind = kinds[self.below(len(kinds))]
        if kind == "again":
            return self.types[self.below(len(self.types))] if self.types and depth >= 3 else p["string"]
        if kind == "list":
            return list_of(inner())
        if kind == "option":
            return option_of(inner())
        if kind == "tuple":
            return tuple_of(*(inner() for _ in range(1 + self.below(4))))
        if kind == "result":
            return result_of(*(inner() if self.rng.random() < 0.75 else None for _ in range(2)))
        if kind == "record":
            return self.named("record", [(l, inner()) for l in self.labels(1 + self.below(5))])
        if kind == "variant":
            cases = [(l, inner() if self.rng.random() < 0.7 else None) for l in self.labels(1 + self.below(5))]
            return self.named("variant", cases)
        if kind in ("enum", "flags"):
            return self.named(kind, [(l, None) for l in self.labels(1 + self.below(12))])
        return self.named("alias", [(None, inner())])

    def _random_function(self, number):
        depth = 2 + number % 3
        count = 1 if number % 3 else 1 + self.below(4)
        types = [self.random_type(depth, outermost=True) for _ in range(count)]
        name = f"nest-{number}"
        # The guest that is written on C bindings needs a name for each outermost type.
        types = [t if t.name else self.named("alias", [(None, t)], f"{name}-p{i}") for i, t in enumerate(types)]
        self.echo(name, *types)
        if count > 1:
            result = self.functions[-1].result
            self.functions[-1].result = self.named("alias", [(None, result)], f"{name}-result")
