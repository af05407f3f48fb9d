#!/usr/bin/env bash
# cargo_engine.sh TARGET_DIR LIBRARY OUTPUT [CARGO ARGUMENT…]: builds a library of engine/ in a folder that all clones
# share, and copies it to OUTPUT where it is another.
#
# Cargo compares times: what another clone has built later than the sources here were written would pass for
# ours. So the digest of the sources stands beside each library, and where it differs cargo sees a change.
set -euo pipefail
target=$1 library=$2 output=$3
shift 3
engine=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../engine
mkdir -p "$target"
exec 9>"$target/berth.lock" # one clone at a time, until the library is copied
flock 9
sources=$(cd "$engine" && find . -type f \( -name '*.rs' -o -name 'Cargo.*' \) -not -path './target/*' -print0 | sort -z | xargs -0 sha256sum | sha256sum)
stamp=$target/$library.sources
if [ "$(cat "$stamp" 2>/dev/null)" != "$sources" ]; then
  rm -f "$stamp"
  touch "$engine/src/lib.rs" "$engine/peer/src/lib.rs"
fi
CARGO_TARGET_DIR=$target cargo build --release --locked --manifest-path "$engine/Cargo.toml" "$@"
printf '%s' "$sources" >"$stamp"
[ "$output" = /dev/null ] || cmp -s "$target/release/$library" "$output" || cp "$target/release/$library" "$output"
