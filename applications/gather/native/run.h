// A run: the gatherers of all workloads, some at a time, each within its budget.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "applications/gather/native/gatherer.h"
#include "applications/gather/native/recorder.h"
#include "applications/gather/native/spool.h"
#include "base/error.h"
#include "base/executor.h"
#include "host/call.h"

namespace berth::gather {

// One workload's part in a run. Plain value.
struct Source {
  std::string workload;
  host::Typed<Gatherers> gatherers;
  std::optional<std::vector<std::string>>
      only;  // besides what rules ask for; nothing: all that are not by rule
  std::map<std::string, std::string> parameters;  // JSON, by gatherer
  std::chrono::milliseconds every{0};             // 0: in each period
};

// What a rule asks for: the gatherer of that name in every workload that has it for rules.
struct Asked {
  std::string gatherer;
  std::string parameters;  // JSON
};

struct RunLimits {
  std::uint32_t concurrency = 1;
  std::chrono::milliseconds time{};
  std::uint64_t bytes = 0;
};

// How far a run is. Borrows for the call.
struct Progress {
  std::size_t done = 0;
  std::size_t total = 0;
  const Spool& spool;
  const Report* ended = nullptr;  // the gatherer that ended just now; null: the run begins
};

// Runs them on the threads of `executor`, which this call's thread must not be one of. One report for each
// gatherer, in the order of their names; a workload that cannot say what it has gets one of its own name, and
// so do asked gatherers that no workload has. `obfuscator`, which may be null, is told the names of things.
// `progress`, which may be empty, is called from any thread, one call at a time. Blocks. After `stop` no
// gatherer begins, and nothing is returned.
[[nodiscard]] std::optional<std::vector<Report>> run_gatherers(
    const std::vector<Source>& sources, const std::vector<Asked>& asked, const RunLimits& limits,
    Spool& spool, Obfuscator* obfuscator, Executor& executor,
    const std::function<void(const Progress&)>& progress, const std::stop_token& stop);

// What each workload has, or why it does not say. Blocks, as above.
[[nodiscard]] std::vector<std::pair<std::string, Result<std::vector<Description>>>> list_gatherers(
    const std::vector<Source>& sources, Executor& executor);

}  // namespace berth::gather
