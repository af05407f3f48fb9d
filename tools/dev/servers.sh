#!/usr/bin/env bash
# Builds real servers and independent clients for tests, once: servers.sh NAME… . Each is a Go module of
# our own in tests/servers/NAME, which pins every version; the program is what its `tool` line names. It is
# kept in $BERTH_CACHE/servers, keyed by the folder's files and our flags, and found under $BERTH_CACHE/servers/bin/NAME.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."
. tools/dev/steps.sh

: "${BERTH_CACHE:=$HOME/.cache/berth}"
mkdir -p "$BERTH_CACHE/servers/bin"
# One build at a time: clones and tests that run side by side share the cache.
exec 9>"$BERTH_CACHE/servers/build.lock"

# Nobody debugs them.
compile="-dwarf=false" link="-s -w"

build() {
  local module=tests/servers/$1 built=$2 program gcflags ldflags
  program=$(sed -n 's/^tool //p' "$module/go.mod")
  gcflags=$(sed -n 's#^// gcflags ##p' "$module/go.mod")
  ldflags=$(sed -n 's#^// ldflags ##p' "$module/go.mod")
  # A compiler that seldom collects its garbage is a tenth faster.
  (cd "$module" && CGO_ENABLED=0 GOGC=400 go build -trimpath -mod=readonly -gcflags="all=$compile $gcflags" \
    -ldflags="$link $ldflags" -o "$built.new" "$program")
  mv "$built.new" "$built"
}

for name in "$@"; do
  if [ ! -f "tests/servers/$name/go.mod" ]; then
    say "servers: no module tests/servers/$name"
    exit 2
  fi
  needed=$(sed -n 's/^go //p' "tests/servers/$name/go.mod")
  built=$BERTH_CACHE/servers/$name-$(digest "tests/servers/$name"/* <(echo "$compile $link"))
  if [ ! -x "$built" ]; then
    if ! command -v go >/dev/null; then
      say "servers: $name is built with Go $needed or newer, and there is no go on PATH; ./dev setup installs one."
      exit 1
    fi
    flock 9
    [ -x "$built" ] || step "server $name (built once)" build "$name" "$built"
    flock -u 9
  fi
  [ "$(readlink "$BERTH_CACHE/servers/bin/$name")" = "$built" ] || ln -sfn "$built" "$BERTH_CACHE/servers/bin/$name"
done
