// Workload: creation, stop and status.
#include "host/workload.h"

#include <fmt/format.h>

#include <utility>

namespace berth::host {
namespace {

using SteadyClock = std::chrono::steady_clock;

Result<void> check_spec(const WorkloadSpec& spec) {
  if (spec.name.empty()) return fail(Code::kInvalidArgument, "a workload needs a name");
  const auto out_of_range = [&](std::string_view key, std::uint64_t value, std::uint64_t low,
                                std::uint64_t high) {
    return fail(Code::kInvalidArgument, fmt::format("workloads.{}.{} is {}; write a number from {} to {}",
                                                    spec.name, key, value, low, high));
  };
  const WorkloadLimits& limits = spec.limits;
  if (limits.concurrency == 0 || limits.concurrency > kMaxConcurrentCalls) {
    return out_of_range("limits.concurrency", limits.concurrency, 1, kMaxConcurrentCalls);
  }
  if (limits.queue > kMaxQueue) return out_of_range("limits.queue", limits.queue, 0, kMaxQueue);
  const std::uint32_t size = spec.instances.size;
  if (spec.instances.kind == InstancePolicy::Kind::kPool && (size == 0 || size > kMaxConcurrentCalls)) {
    return out_of_range("instances.pool", size, 1, kMaxConcurrentCalls);
  }
  if (spec.instances.kind == InstancePolicy::Kind::kKept && (size == 0 || size > kMaxShards)) {
    return out_of_range("instances", size, 1, kMaxShards);
  }
  if (limits.call.count() < 0 || spec.drain.count() < 0 || spec.cancel_grace.count() < 0) {
    return fail(Code::kInvalidArgument, fmt::format("workloads.{}: a duration is negative", spec.name));
  }
  return {};
}

// Calls at once, which is also the number of instances a version can have.
std::uint32_t slots_of(const WorkloadSpec& spec) {
  switch (spec.instances.kind) {
    case InstancePolicy::Kind::kFresh: return spec.limits.concurrency;
    case InstancePolicy::Kind::kPool: return std::min(spec.instances.size, spec.limits.concurrency);
    case InstancePolicy::Kind::kKept: return spec.instances.size;
  }
  return 1;
}

bool is_sharded(const WorkloadSpec& spec) {
  return spec.instances.kind == InstancePolicy::Kind::kKept && spec.instances.size > 1;
}

}  // namespace

Result<std::shared_ptr<Workload>> Workload::create(WorkloadSpec spec, std::shared_ptr<const Version> version,
                                                   const WorkloadServices& services) {
  BERTH_TRY(check_spec(spec));
  const std::uint32_t slots = slots_of(spec);
  std::shared_ptr<Workload> workload(
      new Workload(std::move(spec), version->about().exports, slots, services));
  workload->update_metrics_ =
      BERTH_TRY(telemetry::UpdateMetrics::resolve(services.metrics, workload->spec_.name));
  auto live = workload->prepare(std::move(version), Probe::kAsk);
  if (!live) return fail(std::move(live).error().context("starting workload " + workload->spec_.name));
  workload->metrics_ = (*live)->metrics();
  (*live)->since = std::chrono::system_clock::now();
  workload->table_[0].store(live->get(), std::memory_order_release);
  workload->live_.push_back(std::move(*live));
  return workload;
}

Workload::Workload(WorkloadSpec spec, ExportsType exports, std::uint32_t slots,
                   const WorkloadServices& services)
    : spec_(std::move(spec)),
      exports_(exports),
      services_(services),
      salt_(std::hash<std::string>{}(spec_.name)),
      // A lane lets one call through, so at most one of each shard waits behind it.
      gate_(slots, is_sharded(spec_) ? slots : spec_.limits.queue) {
  if (!is_sharded(spec_)) return;
  for (std::uint32_t i = 0; i < slots; ++i) lanes_.push_back(std::make_unique<Gate>(1, spec_.limits.queue));
}

Result<void> Workload::stop() {
  const std::lock_guard one_at_a_time(swapping_);
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  end_canary();
  if (const auto shadow = detach_shadow()) shadow->stop();
  gate_.stop();
  for (const auto& lane : lanes_) lane->stop();
  if (!wait_drained(SteadyClock::now() + spec_.drain)) {
    {
      const std::lock_guard lock(mutex_);
      for (const auto& live : live_) live->cancel();
    }
    if (!wait_drained(SteadyClock::now() + spec_.cancel_grace)) {
      return fail(Code::kDeadlineExceeded,
                  fmt::format("workload {}: calls still run {:g} s after they were cancelled", spec_.name,
                              std::chrono::duration<double>(spec_.cancel_grace).count()));
    }
  }
  // No call is left and none can enter: the instances may go now.
  const std::lock_guard lock(mutex_);
  for (const auto& live : live_) {
    for (Slot& slot : live->slots().all()) live->destroy(slot);
  }
  return {};
}

WorkloadStatus Workload::status() const {
  WorkloadStatus status;
  status.name = spec_.name;
  status.busy = metrics_.busy->value();
  status.queued = gate_.queued();
  for (const auto& lane : lanes_) status.queued += lane->queued();
  const std::lock_guard lock(mutex_);
  status.stopped = stopped_;
  status.calls = retired_calls_;
  const Gate::Counts now = gate_.counts();
  for (const auto& live : live_) {
    const CallCounts calls = live->calls();
    for (std::size_t i = 0; i < calls.size(); ++i) status.calls[i] += calls[i];
    VersionStatus version = live->status();
    if (live->generation == now.current) {
      version.running = now.running;
      status.current = std::move(version);
    } else if (live->generation == now.candidate) {
      version.running = now.on_candidate;
      status.canary = CanaryStatus{std::move(version), share_, calls};
    } else if (live->replaced) {
      version.running = gate_.running_past(live->generation);
      status.draining.push_back(std::move(version));
    }
  }
  if (shadow_ != nullptr) status.shadow = shadow_->status();
  if (previous_) status.way_back = previous_->version->about().digest;
  status.swaps_ok = swaps_ok_;
  status.swaps_failed = swaps_failed_;
  status.last_swap = last_swap_;
  status.last_error = last_error_;
  return status;
}

Error Workload::busy(const Gate& where) const {
  const bool pool =
      spec_.instances.kind == InstancePolicy::Kind::kPool && gate_.limit() < spec_.limits.concurrency;
  const bool kept = spec_.instances.kind == InstancePolicy::Kind::kKept;
  const std::string more =
      kept   ? std::string("an instance that keeps its state runs one call at a time")
      : pool ? fmt::format("raise workloads.{}.instances.pool to run more at once", spec_.name)
             : fmt::format("raise workloads.{}.limits.concurrency to run more at once", spec_.name);
  return Error(Code::kBusy, fmt::format("workload {} is busy: {} of {} calls run and {} of {} wait; raise "
                                        "workloads.{}.limits.queue to let more wait, {}",
                                        spec_.name, where.running(), where.limit(), where.queued(),
                                        where.queue_limit(), spec_.name, more));
}

Error Workload::stopped() const {
  return Error(Code::kUnavailable, fmt::format("workload {} was stopped", spec_.name));
}

void Workload::note(const Error& error) {
  const std::lock_guard lock(mutex_);
  last_error_ = LastError{std::chrono::system_clock::now(), error.message(), error.detail()};
}

}  // namespace berth::host
