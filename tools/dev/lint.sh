#!/usr/bin/env bash
# ./dev lint: what can be checked without building. --tidy adds clang-tidy on the files changed since
# the last commit (it is too slow for all of them, and needs a configured build/).
set -euo pipefail
. tools/dev/steps.sh

failed=0
check() {
  local name=$1
  shift
  if ! "$@" >"$logs/lint.log" 2>&1; then
    say "lint: $name"
    head -n 60 "$logs/lint.log" >&2
    failed=1
  elif [ -s "$logs/lint.log" ]; then
    cat "$logs/lint.log" >&2
  fi
}

sources() { git ls-files -z --cached --others --exclude-standard -- '*.cc' '*.h' '*.c' '*.cpp'; }
format() { sources | xargs -0 -r clang-format-22 --dry-run -Werror; }
scripts() {
  local script code=0
  while IFS= read -r -d '' script; do bash -n "$script" || code=1; done < <(git ls-files -z --cached --others --exclude-standard -- '*.sh' dev .ci/run)
  return $code
}
tidy() {
  local changed
  mapfile -t changed < <({ git diff --name-only HEAD -- '*.cc'; git ls-files --others --exclude-standard -- '*.cc'; } | grep -v '/guests/' | sort -u)
  [ ${#changed[@]} -eq 0 ] || clang-tidy-22 -p build --quiet "${changed[@]}"
}

check "format (./dev fmt mends it)" format
check "arrows between rooms" python3 cmake/checks/arrows.py
check "the tree" python3 cmake/checks/tree.py
check "shell scripts" scripts
[ "${1:-}" != --tidy ] || check "clang-tidy" tidy
[ $failed -eq 0 ] && say "lint: clean"
exit $failed
