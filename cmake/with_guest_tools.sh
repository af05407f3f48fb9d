#!/usr/bin/env bash
# with_guest_tools.sh COMMAND…: runs it where a store's build.sh finds its tools: those that ./dev setup put into the cache,
# where it also keeps what they make.
# Rust is Debian's, which ships the standard library for wasm as source: it is compiled once, in a $CARGO_TARGET_DIR that
# all share, so they take turns.
set -euo pipefail
cache=${BERTH_CACHE:-$HOME/.cache/berth}
tools=$cache/tools
export PATH="$tools/wit-bindgen/bin:$tools/bin:$PATH" CRATES=$tools/wit-bindgen/crates
rust=$tools/rust-web/usr
export LD_LIBRARY_PATH=$rust/lib/x86_64-linux-gnu:$rust/lib RUSTC=$rust/bin/rustc RUSTDOC=$rust/bin/rustdoc
export RUSTC_BOOTSTRAP=1 CARGO_UNSTABLE_BUILD_STD=std,panic_abort
export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=/usr/lib/llvm-22/bin/wasm-ld
export CARGO_TARGET_DIR=$cache/rust-guests
export GOCACHE=$cache/go-guests
kept=$(dirname "$(readlink -f "$0")")/kept.sh
export COMPONENTIZE_PY="$kept componentize-py" COMPONENTIZE_QJS="$kept componentize-qjs"
if command -v ccache >/dev/null; then
  export CC="ccache clang-22" CXX="ccache clang++-22" CCACHE_DIR=${CCACHE_DIR:-$cache/ccache}
fi
mkdir -p "$CARGO_TARGET_DIR"
exec 9>"$CARGO_TARGET_DIR/berth.lock"
flock 9
"$@"
