#!/bin/sh
# Makes store.wasm. Needs cargo, Rust's target wasm32-unknown-unknown, and wasm-tools.
set -eu
cd "$(dirname "$0")"
cargo build --release --locked --target wasm32-unknown-unknown
wasm-tools component new "${CARGO_TARGET_DIR:-target}/wasm32-unknown-unknown/release/store.wasm" -o store.wasm
