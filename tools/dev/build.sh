#!/usr/bin/env bash
# Builds one tree: build.sh release|debug|tsan [TARGET…]. Expects ./dev setup to have run.
set -euo pipefail
. tools/dev/steps.sh

tree=$1
shift
case $tree in
  release) folder=build ;;
  debug | tsan) folder=build/$tree ;;
  *)
    say "build: no tree '$tree'; there are release, debug (ASan+UBSan) and tsan"
    exit 2
    ;;
esac

engine=$BERTH_CACHE/engine-$(digest engine/Cargo.lock)
if [ "$tree" != tsan ] && [ ! -e "$engine/release/libberth_engine.a" ]; then
  step "[$tree 1/3] engine: wasmtime and its dependencies (compiled once: about 6 min on two cores)" \
    cmake/cargo_engine.sh "$engine" libberth_engine.a /dev/null
fi
if [ ! -e "$folder/build.ninja" ]; then
  step "[$tree 2/3] configure" cmake --preset "$tree"
fi
# Output on a terminal, a log otherwise: a build that has nothing to do stays quiet either way.
title="[$tree 3/3] build ${*:-everything}"
if [ -t 2 ] && [ -z "${CI:-}" ]; then
  say "$title"
  ninja -C "$folder" --quiet "$@" >&2
else
  step "$title" ninja -C "$folder" "$@"
fi
