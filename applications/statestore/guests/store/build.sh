#!/bin/sh
# Makes store.wasm. Needs clang 22 with wasm-ld, libc++, wasi-libc and the run time for wasm32, wit-bindgen 0.63.0 and
# wasm-tools; on Debian: clang-22 lld-22 libc++-22-dev-wasm32 libc++abi-22-dev-wasm32 libclang-rt-22-dev-wasm32 wasi-libc.
set -eu
cd "$(dirname "$0")"
rm -rf build
mkdir build
wit-bindgen cpp --world memory-store --out-dir build wit
flags="--target=wasm32-wasi -Wno-deprecated -Os"
for source in nowasi.c stack_chk.c; do
  ${CC:-clang-22} $flags -c "$source" -o "build/$source.o"
done
for source in store.cc entries.cc build/memory_store.cpp; do
  ${CXX:-clang++-22} $flags -std=c++23 -fno-exceptions -fno-rtti -include wit_layout.h -Ibuild -c "$source" -o "build/$(basename "$source").o"
done
${CXX:-clang++-22} $flags -mexec-model=reactor -Wl,--strip-debug build/*.o -o build/core.wasm
wasm-tools component new build/core.wasm -o store.wasm
