#!/usr/bin/env bash
# Puts Dapr's JavaScript SDK into a folder, once: install_js_sdk.sh FOLDER. Needs npm and a registry the first time.
set -euo pipefail
folder=$1
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
mkdir -p "$folder"
exec 9>"$folder/.lock"
flock 9
[ -e "$folder/.done" ] && exit 0
cp "$here/js/package.json" "$here/js/package-lock.json" "$folder/"
# No install scripts: the SDK needs none. The lock file's versions and digests hold.
(cd "$folder" && npm install --no-audit --no-fund --ignore-scripts)
touch "$folder/.done"
