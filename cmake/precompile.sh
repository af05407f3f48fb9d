#!/usr/bin/env bash
# precompile.sh FOLDER HEADER COMPILER [FLAG…]: precompiles a header into FOLDER, once for all clones, and prints the file's path.
# The digest in it covers all that it depends on: compiler, flags, our headers, and the system's with their times. What no
# clone has asked for in two weeks is removed.
set -euo pipefail
folder=$1 header=$2
shift 2
name=$(basename "$header" .h)
ours=$(dirname "$header")
system=$("$@" -x c++ -M "$header" | tr -s ' \\' '\n' | grep '^/' | grep -v "^$ours/" | xargs stat -L -c '%n %Y')
key=$({ "$1" --version && echo "$*" && cat "$ours"/*.h && echo "$system"; } | sha256sum | cut -c1-12)
made=$folder/$key
if [ ! -e "$made/$name.pch" ]; then
  mkdir -p "$made"
  cp "$ours"/*.h "$made/" # the path is written into it, and must not be a clone's
  "$@" -x c++-header -Xclang -fno-pch-timestamp -fpch-instantiate-templates "$made/$name.h" -o "$made/$name.pch.$$"
  mv "$made/$name.pch.$$" "$made/$name.pch"
fi
touch "$made"
find "$folder" -mindepth 1 -maxdepth 1 -mtime +14 -exec rm -rf {} +
printf %s "$made/$name.pch"
