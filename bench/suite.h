// The benchmarks, one function for each file; each adds its figures to the report.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "artifact/artifact.h"
#include "base/error.h"
#include "bench/report.h"

namespace berth::bench {

void calls(Report& report);       // crossing the boundary and instantiation, against wasmtime's Rust API
void waiting(Report& report);     // guests that wait in a host call
void deadline(Report& report);    // how far past its deadline an endless loop runs
void swap(Report& report);        // calls while versions are swapped under them
void flood(Report& report);       // one workload's flood, another's latency
void state_http(Report& report);  // the state API, beside the same server with a native map
void state_shards(Report& report);
void state_peers(Report& report);   // the store in this process, beside go-plugin and Extism
void state_daprd(Report& report);   // the state API, beside daprd
void state_socket(Report& report);  // a pluggable component behind daprd, beside Dapr's own in Go
void loading(Report& report);       // the first answer of large components, cold and from the store
void starting(Report& report);      // a whole host with a hundred workloads, from the store
void gathering(Report& report);     // a cluster's objects into an archive, beside kubectl
void updates(Report& report);       // calls that a bad candidate fails until it is given up

// A benchmark cannot go on after a failure: says what failed and ends the program.
template <class T>
T need(Result<T> result, const char* what) {
  if (!result) {
    std::fprintf(stderr, "bench: %s: %s\n", what, result.error().to_string().c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(result).value();
}

[[nodiscard]] std::vector<std::uint8_t> read_file(const std::string& path);
// The bytes of build/guests/NAME.wasm.
[[nodiscard]] std::vector<std::uint8_t> guest(const std::string& name);
// The same as an artifact; with `build` as another build of it: the same code under another digest.
[[nodiscard]] artifact::Artifact guest_artifact(const std::string& name,
                                                std::optional<std::uint8_t> build = {});

}  // namespace berth::bench
