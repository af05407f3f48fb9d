#!/bin/sh
# Makes store.wasm. Needs componentize-qjs 0.4.5 (npm).
set -eu
cd "$(dirname "$0")"
componentize-qjs --sync --stub-wasi --opt-size --wit wit --world gatherer --js operators.js --output store.wasm
