"""Writes runtime.cc: embed.py OUT VIEW_H KUBE_H KUBE_GO."""
import pathlib
import sys

out, *files = map(pathlib.Path, sys.argv[1:])
text = '#include "capabilities/kubernetes/codegen/runtime.h"\nnamespace berth::kubernetes::codegen {\n'
for name, file in zip(("view", "cpp", "go"), files):
    lines = file.read_text().splitlines(keepends=True)
    text += f"std::string_view runtime_{name}() {{\n  return\n"
    text += "".join(f"      R\"code({line})code\"\n" for line in lines)
    text += "      ;\n}\n"
out.write_text(text + "}\n")
