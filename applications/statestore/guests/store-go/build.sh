#!/bin/sh
# Makes store.wasm. Needs Go 1.25 or newer, wasm-tools, and wit-bindgen with its sources, as cargo leaves them after
#   cargo install wit-bindgen-cli --version 0.63.0 --locked
set -eu
cd "$(dirname "$0")"
crates=${CRATES:-$(echo "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*)}
rm -rf build
mkdir build
wit-bindgen go --world memory-store --out-dir build wit
cp -r go.mod entries export_* build/
cp -r "$crates/wit-bindgen-go-0.63.0/src/pkg" build/pkg
sed -i 's/^go .*/go 1.25/' build/pkg/go.mod # it names a newer Go than it needs
(cd build && GOOS=wasip1 GOARCH=wasm go build -trimpath -buildmode=c-shared -ldflags '-s -w -checklinkname=0' -o core.wasm .)
wasm-tools component embed --world memory-store wit build/core.wasm -o build/embedded.wasm
wasm-tools component new build/embedded.wasm -o store.wasm \
  --adapt "$crates/wasi-preview1-component-adapter-provider-48.0.1/artefacts/wasi_snapshot_preview1.reactor.wasm"
