# Sourced by the other scripts here: numbered steps whose output goes to a log and is shown on failure.
logs=$PWD/build/logs
mkdir -p "$logs"

say() { printf '%s\n' "$*" >&2; }

# step TITLE COMMAND…: runs the command, output to a log of its own; says twice a minute how far it
# is; on failure prints the log's tail.
step() {
  local title=$1 log start code work beat
  shift
  log=$logs/$(printf '%s' "${title%% (*}" | tr -cs 'A-Za-z0-9' '-' | cut -c1-100 | sed 's/^-//; s/-$//').log
  start=$SECONDS
  say "$title"
  (set -e && "$@") >"$log" 2>&1 </dev/null &
  work=$!
  # Without descriptor 9: the lock of set-up must not outlive it.
  (while sleep 30 >/dev/null 2>&1 9>&-; do say "  $((SECONDS - start)) s: $(tail -n 1 "$log" | tr -d '\r' | cut -c1-100)"; done) &
  beat=$!
  code=0
  wait $work || code=$?
  kill $beat 2>/dev/null
  wait $beat 2>/dev/null || true
  if [ $code -ne 0 ]; then
    say "failed: $title. The last lines of $log:"
    tail -n 40 "$log" >&2
    return $code
  fi
  [ $((SECONDS - start)) -lt 5 ] || say "  done in $((SECONDS - start)) s"
}

digest() { cat "$@" | sha256sum | cut -c1-12; }
