"""The WIT package of a round-trip suite."""


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
