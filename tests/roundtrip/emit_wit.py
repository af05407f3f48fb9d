"""The WIT packages of the round-trip suites."""


def package_text(package):
    declarations = "\n".join(t.declaration() for t in package.types)
    names = ", ".join("%" + t.name for t in package.types)
    functions = "\n".join(f.wit() for f in package.functions)
    return f"""// Made by tests/roundtrip/generate.py.
package berth:{package.name}@0.1.0;

interface types {{
{declarations}
}}

// What the guest calls: answers each value with itself.
interface host {{
  use types.{{{names}}};
{functions}
}}

// What the host calls: answers each value with itself, after taking it through `host` if told to.
interface guest {{
  use types.{{{names}}};
  set-through: func(on: bool);
{functions}
}}

world {package.name} {{
  import host;
  export guest;
}}
"""


def world_of_all(names):
    """The world of a guest that holds every package's."""
    body = "".join(f"  import berth:{name}/host@0.1.0;\n  export berth:{name}/guest@0.1.0;\n" for name in names)
    return f"// Made by tests/roundtrip/generate.py.\npackage berth:everything@0.1.0;\n\nworld everything {{\n{body}}}\n"
