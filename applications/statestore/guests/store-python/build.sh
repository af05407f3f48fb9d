#!/bin/sh
# Makes store.wasm. Needs componentize-py 0.25.1 (PyPI).
set -eu
cd "$(dirname "$0")"
${COMPONENTIZE_PY:-componentize-py} -d wit -w memory-store componentize --stub-wasi -p . app -o store.wasm
