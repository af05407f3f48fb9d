// Workload: publishing another version, with or without a hand-over of state, and retiring the old one.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "host/workload.h"

namespace berth::host {
namespace {

using SteadyClock = std::chrono::steady_clock;
using telemetry::UpdateStage;

std::size_t bytes_of(const std::vector<std::optional<std::vector<std::uint8_t>>>& states) {
  std::size_t bytes = 0;
  for (const auto& state : states) bytes += state ? state->size() : 0;
  return bytes;
}

}  // namespace

Result<SwapReport> Workload::swap(std::shared_ptr<const Version> version, WayBack way_back) {
  const std::lock_guard one_at_a_time(swapping_);
  SwapReport report = report_to(version->about().digest);
  auto done = [&]() -> Result<void> {
    BERTH_TRY(check_serving());
    Warm next = BERTH_TRY(warm(std::move(version)));
    report.prepared_in = next.took_;
    return publish(std::move(next.live_), way_back, report);
  }();
  return conclude(std::move(report), std::move(done));
}

Result<SwapReport> Workload::publish(Warm next, WayBack way_back) {
  const std::lock_guard one_at_a_time(swapping_);
  SwapReport report = report_to(next.version().about().digest);
  report.prepared_in = next.took_;
  auto done = publish(std::move(next.live_), way_back, report);
  return conclude(std::move(report), std::move(done));
}

SwapReport Workload::report_to(std::string_view digest) const {
  SwapReport report;
  report.from = at(gate_.generation())->version().about().digest;
  report.to = digest;
  report.at = std::chrono::system_clock::now();
  return report;
}

Result<void> Workload::check_serving() const {
  const std::lock_guard lock(mutex_);
  if (stopped_) return fail(stopped());
  return {};
}

Result<void> Workload::check_exports(const Version::About& about) const {
  if (about.exports == exports_) return {};
  return fail(Code::kInvalidArgument,
              fmt::format("{} was bound to other exports than the callers of workload {} use", about.digest,
                          spec_.name));
}

Result<SwapReport> Workload::conclude(SwapReport report, Result<void> done) {
  report.ok = done.has_value();
  (report.ok ? metrics_.swaps_ok : metrics_.swaps_failed)->add();
  if (report.pause.count() > 0)
    metrics_.pause_seconds->observe(std::chrono::duration<double>(report.pause).count());
  if (!done) {
    done = fail(std::move(done).error().context(
        report.rolled_back.empty() ? fmt::format("swapping {} to {}", spec_.name, report.to)
                                   : fmt::format("rolling {} back to {}", spec_.name, report.to)));
    report.error = done.error().message();
  }
  const std::lock_guard lock(mutex_);
  ++(report.ok ? swaps_ok_ : swaps_failed_);
  last_swap_ = report;
  if (!done) return fail(std::move(done).error());
  return report;
}

Result<Warm> Workload::warm(std::shared_ptr<const Version> version) {
  const auto begin = SteadyClock::now();
  auto live = prepare(std::move(version), Probe::kAsk);
  if (!live) {
    update_metrics_.failed(UpdateStage::kWarm);
    return fail(std::move(live).error());
  }
  const auto took = SteadyClock::now() - begin;
  update_metrics_.passed(UpdateStage::kWarm, took);
  return Warm(std::move(*live), took);
}

Result<std::unique_ptr<LiveVersion>> Workload::prepare(std::shared_ptr<const Version> version, Probe probe) {
  const Version::About& about = version->about();
  BERTH_TRY(check_exports(about));
  auto metrics = BERTH_TRY(telemetry::WorkloadMetrics::resolve(services_.metrics, spec_.name, about.digest));
  auto live = std::make_unique<LiveVersion>(version, gate_.limit(), std::move(metrics));
  for (std::uint32_t shard = 0; shard < shards(); ++shard) {
    auto guest = version->instantiate(spec_.limits.call);
    if (!guest) return fail(std::move(guest).error().context("instantiating"));
    if (about.probe && probe == Probe::kAsk) {
      auto answer = (*guest)->probe(spec_.limits.call);
      if (!answer) return fail(std::move(answer).error().context("its probe says that it cannot serve"));
    }
    // A fresh instance for each call means that no call sees what the probe has left behind.
    if (spec_.instances.kind != InstancePolicy::Kind::kFresh)
      live->place(live->shard(shard), std::move(*guest));
  }
  return live;
}

Result<void> Workload::publish(std::unique_ptr<LiveVersion> live, WayBack way_back, SwapReport& report) {
  const auto begin = SteadyClock::now();
  auto done = [&]() -> Result<void> {
    BERTH_TRY(check_serving());
    end_canary();
    if (const auto shadow = detach_shadow()) shadow->stop();
    LiveVersion& next = *BERTH_TRY(enlist(std::move(live)));
    if (spec_.instances.kind != InstancePolicy::Kind::kKept) {
      keep(*at(gate_.generation()), next, {}, way_back);
      go_live(next, report);
      return {};
    }
    auto published = publish_kept(next, way_back, report);
    if (!published) delist(next.generation);
    return published;
  }();
  if (done) {
    update_metrics_.passed(UpdateStage::kPublish, SteadyClock::now() - begin);
  } else {
    update_metrics_.failed(UpdateStage::kPublish);
  }
  return done;
}

Result<void> Workload::publish_kept(LiveVersion& next, WayBack way_back, SwapReport& report) {
  LiveVersion& now = *at(gate_.generation());
  const bool from_has = now.version().about().handover;
  const bool to_has = next.version().about().handover;
  const bool moves = spec_.handover == Handover::kAuto && from_has;
  if (moves && !to_has) {
    return fail(
        Code::kFailedPrecondition,
        fmt::format("the running version keeps state and exports berth:lifecycle/handover, but {} does not "
                    "export it, so the state would be lost; export `restore` from the new version, or write "
                    "`handover: off` under workloads.{} to start it empty",
                    next.version().about().digest, spec_.name));
  }

  const auto begin = SteadyClock::now();
  gate_.close();
  const bool idle = gate_.wait_idle(begin + spec_.drain);
  Result<States> moved;
  if (moves && !idle) {
    moved =
        fail(Code::kDeadlineExceeded,
             fmt::format("the running call did not end within {} ms, so its state cannot be handed over; try "
                         "again, or raise workloads.{}.update.drain",
                         spec_.drain.count(), spec_.name));
  } else if (moves) {
    moved = hand_over(now, next);
    if (moved) report.handed_over = bytes_of(*moved);
  }
  if (moved) {
    keep(now, next, std::move(*moved), way_back);
    go_live(next, report);
  }
  report.pause = SteadyClock::now() - begin;
  gate_.open();
  if (!moved) return fail(std::move(moved).error());
  return {};
}

void Workload::keep(const LiveVersion& replaced, const LiveVersion& next, States states, WayBack way_back) {
  if (way_back == WayBack::kLeave) return;
  std::optional<Previous> gone;  // destroyed without the lock
  const std::lock_guard lock(mutex_);
  const std::string& digest = next.version().about().digest;
  if (way_back == WayBack::kForget || (previous_ && previous_->version->about().digest == digest)) {
    gone.swap(previous_);
    return;
  }
  // What was not found to be good yet is nothing to return to.
  if (!previous_) previous_ = Previous{replaced.shared_version(), replaced.observed(), {}};
  previous_->states = std::move(states);
}

Result<LiveVersion*> Workload::enlist(std::unique_ptr<LiveVersion> live) {
  std::unique_lock lock(mutex_);
  // The next one whose entry is free: the version that serves keeps its own, however many swaps fail.
  const auto is_free = [&] {
    Generation generation = last_generation_;
    for (std::size_t i = 0; i < kMaxLiveVersions; ++i) {
      generation = next_generation(generation);
      if (table_[generation % kMaxLiveVersions].load() != nullptr) continue;
      live->generation = generation;
      return true;
    }
    return false;
  };
  if (!retired_.wait_for(lock, spec_.drain + spec_.cancel_grace, is_free)) {
    return fail(Code::kBusy, fmt::format("{} versions of workload {} are still draining",
                                         kMaxLiveVersions - 1, spec_.name));
  }
  last_generation_ = live->generation;
  LiveVersion* entered = live.get();
  table_[live->generation % kMaxLiveVersions].store(entered, std::memory_order_release);
  live_.push_back(std::move(live));
  return entered;
}

void Workload::delist(Generation generation) {
  std::unique_ptr<LiveVersion> gone;  // destroyed without the lock
  {
    const std::lock_guard lock(mutex_);
    const auto at = std::ranges::find(live_, generation, [](const auto& live) { return live->generation; });
    if (at == live_.end()) return;
    gone = std::move(*at);
    live_.erase(at);
    ++going_;
    table_[generation % kMaxLiveVersions].store(nullptr, std::memory_order_release);
    const CallCounts calls = gone->calls();
    for (std::size_t i = 0; i < calls.size(); ++i) retired_calls_[i] += calls[i];
  }
  if (gone->replaced) {  // otherwise it never served
    const auto drained_in = SteadyClock::now() - *gone->replaced;
    update_metrics_.passed(UpdateStage::kDrain, drained_in);
    if (services_.log != nullptr) {
      services_.log->info("drained", {{"workload", spec_.name},
                                      {"version", gone->version().about().digest},
                                      {"ms", std::chrono::duration<double, std::milli>(drained_in).count()}});
    }
  }
  gone.reset();
  {
    const std::lock_guard lock(mutex_);
    --going_;
  }
  retired_.notify_all();
}

void Workload::go_live(LiveVersion& next, SwapReport& report) {
  {
    const std::lock_guard lock(mutex_);
    next.since = report.at;
    at(gate_.generation())->replaced = SteadyClock::now();
  }
  const Gate::Past past = gate_.publish(next.generation);
  report.draining = past.running;
  retire(past);
}

void Workload::retire(Gate::Past past) {
  if (past.running == 0) {
    retire_soon(past.generation);
    return;
  }
  services_.timer->at(SteadyClock::now() + spec_.drain, [weak = weak_from_this(), past] {
    if (const auto self = weak.lock()) self->cancel(past.generation);
  });
}

void Workload::retire_soon(Generation generation) {
  services_.timer->soon([self = shared_from_this(), generation] { self->delist(generation); });
}

void Workload::cancel(Generation generation) {
  const std::lock_guard lock(mutex_);
  LiveVersion* live = at(generation);
  // The entry may belong to a later generation by now.
  if (live != nullptr && live->generation == generation) live->cancel();
}

bool Workload::wait_drained(SteadyClock::time_point deadline) {
  if (!gate_.wait_idle(deadline)) return false;
  std::unique_lock lock(mutex_);
  return retired_.wait_until(lock, deadline, [this] { return live_.size() == 1 && going_ == 0; });
}

}  // namespace berth::host
