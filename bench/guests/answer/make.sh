#!/usr/bin/env bash
# Makes the guests with large runtimes: make.sh python|go WIT_FOLDER WORK_FOLDER OUTPUT. Needs a registry the first
# time (python), and Go 1.24 or newer (go).
set -euo pipefail
language=$1 wit=$(readlink -f "$2") work=$3 output=$4
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
tools=${BERTH_CACHE:-$HOME/.cache/berth}/tools
export PATH="$tools/bin:$PATH"
rm -rf "$work"
mkdir -p "$work"

python() {
  # One installation for each version of the requirements, made by whoever comes first.
  local venv
  venv=$tools/python-bench-$(sha256sum <"$here/requirements.txt" | cut -c1-12)
  (
    flock 9
    [ -e "$venv.done" ] && exit 0
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --disable-pip-version-check -r "$here/requirements.txt"
    touch "$venv.done"
  ) 9>"$venv.lock"
  cp "$here/answer.py" "$work/"
  "$venv/bin/componentize-py" -d "$wit" -w answering componentize -p "$work" answer -o "$output" --stub-wasi
}

go_() {
  local minor adapter
  minor=$(go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
  if [ "${minor:-0}" -lt 24 ]; then
    echo "bench: Go 1.24 or newer is needed for the Go guest; found: $(go version 2>&1 || true)" >&2
    exit 1
  fi
  # The engine's own dependency has it; cargo put it where it puts sources.
  adapter=$(find "${CARGO_HOME:-$HOME/.cargo}/registry/src" -path '*wasi-preview1-component-adapter-provider-48.*' \
    -name wasi_snapshot_preview1.reactor.wasm | sort | tail -n 1)
  cp "$here/answer.go" "$here/go.mod" "$work/"
  (cd "$work" && GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags '-s -w' -o core.wasm .)
  wasm-tools component embed --world answering "$wit" "$work/core.wasm" -o "$work/embed.wasm"
  wasm-tools component new "$work/embed.wasm" --realloc-via-memory-grow --adapt "wasi_snapshot_preview1=$adapter" -o "$output"
}

case $language in
  python) python ;;
  go) go_ ;;
  *)
    echo "make.sh: python or go, not '$language'" >&2
    exit 2
    ;;
esac
