#!/usr/bin/env bash
# kept.sh TOOL ARGUMENT… FILE: runs a tool of the cache that makes FILE of the folder it runs in. componentize-py compiles a whole Python
# for ten seconds each time, so what was made is kept in $BERTH_CACHE under all that goes into it, as ccache keeps objects: the tool, its
# arguments, and the files of the folder.
set -euo pipefail
cache=${BERTH_CACHE:-$HOME/.cache/berth}
tool=$cache/tools/bin/$1 output=${*: -1}
shift
rm -f "$output"
key=$({
  readlink -f "$tool"
  printf '%s\n' "$@"
  find . -type f ! -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum
} | sha256sum | cut -c1-24)
kept=$cache/components/$key.wasm
if [ ! -f "$kept" ]; then
  "$tool" "$@"
  mkdir -p "${kept%/*}"
  find "${kept%/*}" -type f -mtime +10 -delete
  cp "$output" "$kept.$$"
  mv "$kept.$$" "$kept"
fi
cp "$kept" "$output"
touch "$kept"
