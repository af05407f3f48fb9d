// Improver: gives running workloads better code when they were started with quick code.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "artifact/artifact.h"
#include "base/error.h"
#include "host/component/loader.h"
#include "host/workload.h"

namespace berth::host {

// What became of one improvement. Plain value.
struct ImproverReport {
  std::string workload;
  std::string digest;
  std::chrono::nanoseconds compiled_in{0};
  Result<Workload::Improvement> result;
};

// Compiles one component after the other, on a thread of its own. Each waits for `settle` first: what is
// replaced or ends by then is not worth it.
// Thread-safe.
class Improver final {
 public:
  // `report` is called on the thread, after each. The loader outlives this.
  Improver(const Loader& loader, std::function<void(const ImproverReport&)> report,
           std::chrono::milliseconds settle = std::chrono::milliseconds(0));
  // Ends the compilation that runs. Waits for an improvement that is being published.
  ~Improver() = default;
  Improver(const Improver&) = delete;
  Improver& operator=(const Improver&) = delete;

  // `workload` serves `artifact` with `request`, in code that can be better. What still waits for the same
  // workload is forgotten: it serves something else by now.
  void add(const std::shared_ptr<Workload>& workload, artifact::Artifact artifact, LoadRequest request);

 private:
  struct Job {
    std::weak_ptr<Workload> workload;
    std::string name;
    artifact::Artifact artifact;
    LoadRequest request;
    std::chrono::steady_clock::time_point due;
  };
  void run(const std::stop_token& stop);
  void improve(const Job& job, const std::stop_token& stop) const;

  const Loader& loader_;
  const std::function<void(const ImproverReport&)> report_;
  const std::chrono::milliseconds settle_;
  std::mutex mutex_;
  std::condition_variable_any added_;
  std::list<Job> jobs_;  // what is due first comes first
  std::jthread thread_;  // last: ends first
};

}  // namespace berth::host
