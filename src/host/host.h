// Host: the workloads of one program, by name.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/executor.h"
#include "host/timer.h"
#include "host/workload.h"
#include "telemetry/metrics.h"

namespace berth::host {

// Thread-safe. Destroying the Host stops all workloads at once, each within its drain time and a
// grace. The executor, the metrics and the log must outlive it, and every call that did not end by then.
class Host final {
 public:
  // `log` may be null.
  Host(Executor& executor, telemetry::Metrics& metrics, telemetry::Logger* log = nullptr)
      : executor_(executor), metrics_(metrics), log_(log) {}
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // Starts serving `version` under spec.name. Blocks while it instantiates and probes.
  //  kAlreadyExists: a workload of that name runs. Otherwise as Workload::create.
  [[nodiscard]] Result<std::shared_ptr<Workload>> start(WorkloadSpec spec,
                                                        std::shared_ptr<const Version> version);

  // kNotFound names the workloads there are.
  [[nodiscard]] Result<std::shared_ptr<Workload>> find(std::string_view name) const;

  // Drains and removes. Blocks for at most the drain time and a grace.
  Result<void> stop(std::string_view name);

  // Runs short functions at a time, for what belongs to the workloads.
  [[nodiscard]] const std::shared_ptr<Timer>& timer() const { return timer_; }

  // In the order of their names.
  [[nodiscard]] std::vector<WorkloadStatus> status() const;

 private:
  Executor& executor_;
  telemetry::Metrics& metrics_;
  telemetry::Logger* log_;
  std::shared_ptr<Timer> timer_ = std::make_shared<Timer>();
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Workload>, std::less<>> workloads_;  // null while starting
};

}  // namespace berth::host
