#!/bin/sh
# Makes store.wasm. Needs componentize-qjs 0.4.5 (npm).
set -eu
cd "$(dirname "$0")"
${COMPONENTIZE_QJS:-componentize-qjs} --sync --stub-wasi --opt-size --wit wit --world memory-store --js store.js --output store.wasm
