#!/usr/bin/env bash
# componentize_py.sh ARGUMENT… -o FILE: componentize-py, which compiles a whole Python for some ten seconds each time. What it makes
# is kept in $BERTH_CACHE under all that goes into it, as ccache keeps objects: the tool, its arguments, and the files of this folder.
set -euo pipefail
cache=${BERTH_CACHE:-$HOME/.cache/berth}
tool=$cache/tools/bin/componentize-py output=${*: -1}
rm -f "$output"
key=$({
  readlink -f "$tool"
  printf '%s\n' "$@"
  find . -type f ! -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum
} | sha256sum | cut -c1-24)
kept=$cache/python-guests/$key.wasm
if [ ! -f "$kept" ]; then
  "$tool" "$@"
  mkdir -p "${kept%/*}"
  find "${kept%/*}" -type f -mtime +10 -delete
  cp "$output" "$kept.$$"
  mv "$kept.$$" "$kept"
fi
cp "$kept" "$output"
touch "$kept"
