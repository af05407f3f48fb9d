// Improver: a queue with one entry for each workload.
#include "host/component/improver.h"

#include <utility>

namespace berth::host {

Improver::Improver(const Loader& loader, std::function<void(const ImproverReport&)> report,
                   std::chrono::milliseconds settle)
    : loader_(loader),
      report_(std::move(report)),
      settle_(settle),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void Improver::add(const std::shared_ptr<Workload>& workload, artifact::Artifact artifact,
                   LoadRequest request) {
  const std::lock_guard lock(mutex_);
  std::erase_if(jobs_, [&](const Job& job) { return job.name == workload->spec().name; });
  jobs_.push_back({workload, workload->spec().name, std::move(artifact), std::move(request),
                   std::chrono::steady_clock::now() + settle_});
  added_.notify_one();
}

void Improver::run(const std::stop_token& stop) {
  for (;;) {
    std::list<Job> job;
    {
      std::unique_lock lock(mutex_);
      if (!added_.wait(lock, stop, [this] { return !jobs_.empty(); }) || stop.stop_requested()) return;
      if (const auto due = jobs_.front().due; std::chrono::steady_clock::now() < due) {
        added_.wait_until(lock, stop, due, [] { return false; });
        continue;  // another may be the first by now
      }
      job.splice(job.begin(), jobs_, jobs_.begin());
    }
    improve(job.front(), stop);
  }
}

void Improver::improve(const Job& job, const std::stop_token& stop) const {
  if (job.workload.expired()) return;
  const auto begin = std::chrono::steady_clock::now();
  auto version = loader_.load_best(job.artifact, job.request, stop);
  ImproverReport report{.workload = job.name,
                        .digest = job.artifact.digest.to_string(),
                        .compiled_in = std::chrono::steady_clock::now() - begin,
                        .result = {}};
  const auto workload = job.workload.lock();
  if (stop.stop_requested() || workload == nullptr) return;
  report.result = version ? workload->improve(std::move(*version))
                          : Result<Workload::Improvement>(fail(std::move(version).error()));
  report_(report);
}

}  // namespace berth::host
