// Host: starting, finding and stopping workloads.
#include "host/host.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <thread>
#include <utility>

namespace berth::host {

Host::~Host() {
  std::map<std::string, std::shared_ptr<Workload>, std::less<>> workloads;
  {
    const std::lock_guard lock(mutex_);
    workloads = std::move(workloads_);
  }
  // All at once: each may take its whole drain time.
  std::vector<std::thread> stopping;
  for (const auto& [name, workload] : workloads) {
    stopping.emplace_back([&workload] { (void)workload->stop(); });
  }
  for (std::thread& thread : stopping) thread.join();
  timer_->stop();  // a workload that is still held by somebody may outlive it
}

Result<std::shared_ptr<Workload>> Host::start(WorkloadSpec spec, std::shared_ptr<const Version> version) {
  const std::string name = spec.name;
  {
    const std::lock_guard lock(mutex_);
    if (!workloads_.try_emplace(name).second) {
      return fail(Code::kAlreadyExists,
                  fmt::format("a workload named {} runs already; stop it or swap it", name));
    }
  }
  auto workload = Workload::create(std::move(spec), std::move(version), {executor_, metrics_, timer_, log_});
  const std::lock_guard lock(mutex_);
  if (workload) {
    workloads_[name] = *workload;
  } else {
    workloads_.erase(name);
  }
  return workload;
}

Result<std::shared_ptr<Workload>> Host::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = workloads_.find(name);
  if (found != workloads_.end() && found->second != nullptr) return found->second;
  std::vector<std::string_view> names;
  for (const auto& [known, workload] : workloads_) {
    if (workload != nullptr) names.push_back(known);
  }
  return fail(Code::kNotFound, names.empty() ? fmt::format("no workload named {}; none runs", name)
                                             : fmt::format("no workload named {}; there are: {}", name,
                                                           fmt::join(names, ", ")));
}

Result<void> Host::stop(std::string_view name) {
  const auto workload = BERTH_TRY(find(name));
  BERTH_TRY(workload->stop());
  const std::lock_guard lock(mutex_);
  const auto found = workloads_.find(name);
  if (found != workloads_.end() && found->second == workload) workloads_.erase(found);
  return {};
}

std::vector<WorkloadStatus> Host::status() const {
  std::vector<std::shared_ptr<Workload>> workloads;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, workload] : workloads_) {
      if (workload != nullptr) workloads.push_back(workload);
    }
  }
  std::vector<WorkloadStatus> status;
  for (const auto& workload : workloads) status.push_back(workload->status());
  return status;
}

}  // namespace berth::host
