#!/usr/bin/env bash
# Builds one tree: build.sh release|debug|tsan [TARGET…]. Expects ./dev setup to have run.
set -euo pipefail
. tools/dev/steps.sh

tree=$1
shift
case $tree in
  release) folder=build minutes=20 ;; # the engine, too
  debug) folder=build/$tree minutes=6 ;;
  tsan) folder=build/$tree minutes=2 ;;
  *)
    say "build: no tree '$tree'; there are release, debug (ASan+UBSan) and tsan"
    exit 2
    ;;
esac

if [ ! -e "$folder/build.ninja" ]; then
  step "[$tree 1/2] configure" cmake --preset "$tree"
fi
step "[$tree 2/2] build ${*:-everything} (with an empty cache some $minutes min on two cores)" ninja -C "$folder" "$@"
