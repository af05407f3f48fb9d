#!/bin/sh
# Runs a command and shows what it printed only when it fails. For tools that chat on success.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"$@" >"$log" 2>&1
code=$?
[ $code -eq 0 ] || cat "$log" >&2
exit $code
