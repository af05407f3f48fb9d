#!/usr/bin/env bash
# Builds the peer once, into $BERTH_CACHE/peers/goplugin: host and plugin.wasm. Every version is pinned in go.sum.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
peers=${BERTH_CACHE:-$HOME/.cache/berth}/peers
export PATH="${BERTH_CACHE:-$HOME/.cache/berth}/tools/bin:$PATH"
mkdir -p "$peers"
exec 9>"$peers/goplugin.lock"
flock 9
built=$peers/goplugin-$(find . -type f | sort | xargs cat | sha256sum | cut -c1-12)
if [ ! -e "$built/host" ]; then
  rm -rf "$built"
  cp -r . "$built"
  cd "$built"
  go run ./generate
  GOOS=wasip1 GOARCH=wasm go build -trimpath -buildmode=c-shared -ldflags '-s -w' -o plugin.wasm ./plugin
  CGO_ENABLED=0 go build -trimpath -o host .
fi
ln -sfn "$built" "$peers/goplugin"
