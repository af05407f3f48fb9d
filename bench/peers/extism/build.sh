#!/usr/bin/env bash
# Builds the peer once, into $BERTH_CACHE/peers/extism: libextism_sys.so and plugin.wasm, the same entries as in our store.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
root=../../..
entries=applications/statestore/guests/store
peers=${BERTH_CACHE:-$HOME/.cache/berth}/peers
mkdir -p "$peers"
exec 9>"$peers/extism.lock"
flock 9
built=$peers/extism-$(cat ./* $root/$entries/entries.* | sha256sum | cut -c1-12)
if [ ! -e "$built/libextism_sys.so" ]; then
  rm -rf "$built"
  mkdir -p "$built"
  flags="--target=wasm32-wasi -Wno-deprecated -Os"
  for source in nowasi.c stack_chk.c; do clang-22 $flags -c "$root/guests/sdk/cpp/$source" -o "$built/$source.o"; done
  clang++-22 $flags -std=c++23 -fno-exceptions -fno-rtti -I$root -mexec-model=reactor plugin.cc "$root/$entries/entries.cc" "$built"/*.o \
    -o "$built/plugin.wasm"
  python3 -m venv "$built/python"
  "$built/python/bin/pip" install --disable-pip-version-check -r requirements.txt
  ln -s "$built"/python/lib/python3*/site-packages/extism_sys/libextism_sys.so "$built/libextism_sys.so"
fi
ln -sfn "$built" "$peers/extism"
