#!/usr/bin/env bash
# Runs fuzz targets, all of build/debug or those given: fuzz.sh SECONDS [TARGET…]. What a run learns is
# kept in the cache, so the next begins where it ended.
# Prints "fuzz NAME ok|FAILED"; exits 1 when any target found something.
set -euo pipefail
. tools/dev/steps.sh

seconds=$1
shift
shopt -s nullglob
targets=("$@")
[ $# -gt 0 ] || targets=(build/debug/*_fuzz)
if [ ${#targets[@]} -eq 0 ]; then
  say "fuzz: no target in build/debug; run ./dev build debug"
  exit 1
fi
failed=0
for target in "${targets[@]}"; do
  name=$(basename "$target" _fuzz)
  corpus=$BERTH_CACHE/fuzz/$name
  found=build/fuzz-findings/$name
  mkdir -p "$corpus" "$found"
  seeds=()
  [ ! -d "fuzz/corpus/$name" ] || seeds=("fuzz/corpus/$name")
  if "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$found/" "$corpus" "${seeds[@]}" >"$logs/fuzz-$name.log" 2>&1; then
    echo "fuzz $name ok ($(sed -n 's/^stat::number_of_executed_units: *//p' "$logs/fuzz-$name.log") inputs in $seconds s)"
  else
    echo "fuzz $name FAILED; the input is in $found:"
    tail -n 30 "$logs/fuzz-$name.log"
    failed=1
  fi
done
exit $failed
