#!/usr/bin/env bash
# ./dev test: lint, every test of the release tree, the rooms where memory matters under ASan+UBSan, the
# concurrent ones under TSan, and each fuzz target for some seconds. The last line is "N passed, N failed".
set -euo pipefail
. tools/dev/steps.sh

# Under ASan+UBSan: whatever handles a guest's bytes or a stranger's text, and the property tests.
debug_tests=(base_test telemetry_test net_test artifact_test artifact_store_test artifact_oci_test artifact_signature_test
  artifact_fetch_test manifest_test abi_test host_test host_update_test statestore_test gather_test bindings_test
  statestore_grpc_test roundtrip_test hostile_test kubernetes_wire_test)
# Each of these runs for some seconds (fuzz/CMakeLists.txt).
mapfile -t fuzz_targets < <(cd fuzz && printf '%s\n' *_fuzz.cc | sed 's/\.cc$//')
# Under TSan: whatever threads share. The engine is not instrumented, so these use native guests.
tsan_tests=(base_test telemetry_test net_test artifact_test artifact_oci_test artifact_store_test host_test
  host_update_test statestore_test gather_test)

results=build/results
rm -rf "$results"
mkdir -p "$results"
verdicts=()

# tested NAME COMMAND…: runs, and notes whether it passed; a failure does not stop the rest.
tested() {
  local name=$1
  shift
  if "$@"; then verdicts+=("$name=passed"); else verdicts+=("$name=failed"); fi
}

# suite TREE FOLDER [TEST…]: runs the named ctest entries of a tree (all without names), two at once for each core,
# because many of them wait.
suite() {
  local tree=$1 folder=$2 only=()
  shift 2
  if [ $# -gt 0 ]; then only=(-R "^($(IFS='|' && echo "$*"))\$"); fi
  mkdir -p "$results/$tree"
  say "[$tree] tests"
  rm -rf "$folder/results"
  ctest --test-dir "$folder" --parallel $((2 * $(nproc))) --output-on-failure --no-tests=error \
    --output-junit "$PWD/$results/$tree/junit.xml" "${only[@]}" || true
  if [ -d "$folder/results" ]; then cp "$folder"/results/*.xml "$results/$tree/"; fi
}

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=0} # fibres switch stacks
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}

# behind COMMAND…: in the background, as a group of processes that does not outlive this script.
behind() {
  set -m
  "$@" &
  groups+=($!)
  set +m
}
groups=()
trap 'for group in "${groups[@]}"; do kill -- "-$group" 2>/dev/null || true; done' EXIT

# The real servers that tests ask for take long: behind everything else. Fixtures of the tests wait for the servers; a
# failure is theirs to report, when they try again.
behind nice tools/dev/servers.sh kubernetes daprd dapr-conformance linearizable olareg oras cosign >build/logs/servers.log 2>&1

tested lint tools/dev/lint.sh
# Every tree before the first test: what is built beside tests makes them slow, and some fail that wait only so long.
tools/dev/build.sh release
tools/dev/build.sh debug "${debug_tests[@]}" "${fuzz_targets[@]}"
tools/dev/build.sh tsan "${tsan_tests[@]}"

suite release build
# Under TSan they wait more than they compute: beside the others.
behind suite tsan build/tsan "${tsan_tests[@]}" >"$results/tsan.log" 2>&1
suite debug build/debug "${debug_tests[@]}" roundtrip_python_test roundtrip_winch_test "${fuzz_targets[@]}"
wait
cat "$results/tsan.log"

python3 tools/dev/count.py "${verdicts[@]}" "$results"/release "$results"/debug "$results"/tsan
