// Workload: publishing another version, with or without a hand-over of state, and retiring the old one.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "host/workload.h"

namespace berth::host {
namespace {

using SteadyClock = std::chrono::steady_clock;

}  // namespace

Result<SwapReport> Workload::swap(std::shared_ptr<const Version> version) {
  const std::lock_guard one_at_a_time(swapping_);
  SwapReport report;
  report.from = at(gate_.generation())->version().about().digest;
  report.to = version->about().digest;
  report.at = std::chrono::system_clock::now();
  auto done = try_swap(std::move(version), report);
  report.ok = done.has_value();
  (report.ok ? metrics_.swaps_ok : metrics_.swaps_failed)->add();
  if (report.pause.count() > 0)
    metrics_.pause_seconds->observe(std::chrono::duration<double>(report.pause).count());

  if (!done)
    done = fail(std::move(done).error().context(fmt::format("swapping {} to {}", spec_.name, report.to)));
  if (!done) report.error = done.error().message();
  const std::lock_guard lock(mutex_);
  ++(report.ok ? swaps_ok_ : swaps_failed_);
  last_swap_ = report;
  if (!done) return fail(std::move(done).error());
  return report;
}

Result<std::unique_ptr<LiveVersion>> Workload::prepare(std::shared_ptr<const Version> version) {
  const Version::About& about = version->about();
  if (about.exports != exports_) {
    return fail(Code::kInvalidArgument,
                fmt::format("{} was bound to other exports than the callers of workload {} use", about.digest,
                            spec_.name));
  }
  auto metrics = BERTH_TRY(telemetry::WorkloadMetrics::resolve(services_.metrics, spec_.name, about.digest));
  auto live = std::make_unique<LiveVersion>(version, gate_.limit(), std::move(metrics));
  auto guest = version->instantiate(spec_.limits.call);
  if (!guest) return fail(std::move(guest).error().context("instantiating"));
  if (about.probe) {
    auto answer = (*guest)->probe(spec_.limits.call);
    if (!answer) return fail(std::move(answer).error().context("its probe says that it cannot serve"));
  }
  // A fresh instance for each call means that no call sees what the probe has left behind.
  if (spec_.instances.kind != InstancePolicy::Kind::kFresh) {
    Slot& slot = live->slots().take();
    live->place(slot, std::move(*guest));
    live->slots().give_back(slot);
  }
  return live;
}

Result<void> Workload::try_swap(std::shared_ptr<const Version> version, SwapReport& report) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return fail(stopped());
  }
  const auto begin = SteadyClock::now();
  auto prepared = BERTH_TRY(prepare(std::move(version)));
  LiveVersion& next = *BERTH_TRY(enlist(std::move(prepared)));
  report.prepared_in = SteadyClock::now() - begin;
  if (spec_.instances.kind != InstancePolicy::Kind::kOne) {
    publish(report);
    return {};
  }
  auto done = swap_one(next, report);
  if (!done) delist(next.generation);
  return done;
}

Result<void> Workload::swap_one(LiveVersion& next, SwapReport& report) {
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
  Result<void> moved;
  if (moves && !idle) {
    moved =
        fail(Code::kDeadlineExceeded,
             fmt::format("the running call did not end within {} ms, so its state cannot be handed over; try "
                         "again, or raise workloads.{}.update.drain",
                         spec_.drain.count(), spec_.name));
  } else if (moves) {
    auto bytes = hand_over(now, next);
    if (bytes) report.handed_over = *bytes;
    if (!bytes) moved = fail(std::move(bytes).error());
  }
  if (moved) publish(report);
  report.pause = SteadyClock::now() - begin;
  gate_.open();
  return moved;
}

Result<std::size_t> Workload::hand_over(LiveVersion& from, LiveVersion& to) {
  // The gate is closed and nobody runs: both slots are ours.
  Slot& old_slot = from.slots().take();
  Slot& new_slot = to.slots().take();
  const auto give_back = [&] {
    from.slots().give_back(old_slot);
    to.slots().give_back(new_slot);
  };
  Guest* old_guest = old_slot.guest();
  if (old_guest == nullptr) {  // it trapped, and no call came since: there is no state
    give_back();
    return 0;
  }
  auto state = old_guest->save(spec_.limits.call);
  if (state && state->size() > kMaxHandoverBytes) {
    state = fail(Code::kResourceExhausted, fmt::format("`save` gave {} bytes; at most {} can be handed over",
                                                       state->size(), kMaxHandoverBytes));
  }
  if (!state) {
    const bool lost = old_guest->dead();
    Error error = std::move(state).error().context(
        lost ? "the running instance was destroyed and its state is lost: `save` of the running version"
             : "`save` of the running version");
    if (lost) {
      from.destroy(old_slot);
      note(error);
    }
    give_back();
    return fail(std::move(error));
  }
  auto restored = new_slot.guest()->restore(*state, spec_.limits.call);
  to.measure(new_slot);
  give_back();
  if (!restored) return fail(std::move(restored).error().context("`restore` of the new version"));
  return state->size();
}

Result<LiveVersion*> Workload::enlist(std::unique_ptr<LiveVersion> live) {
  live->generation = static_cast<Generation>(gate_.generation() + 1);
  std::atomic<LiveVersion*>& entry = table_[live->generation % kMaxLiveVersions];
  std::unique_lock lock(mutex_);
  const bool free =
      retired_.wait_for(lock, spec_.drain + kCancelGrace, [&] { return entry.load() == nullptr; });
  if (!free) {
    return fail(Code::kBusy, fmt::format("{} versions of workload {} are still draining",
                                         kMaxLiveVersions - 1, spec_.name));
  }
  LiveVersion* entered = live.get();
  entry.store(entered, std::memory_order_release);
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
    table_[generation % kMaxLiveVersions].store(nullptr, std::memory_order_release);
    const CallCounts calls = gone->calls();
    for (std::size_t i = 0; i < calls.size(); ++i) retired_calls_[i] += calls[i];
  }
  retired_.notify_all();
}

void Workload::publish(SwapReport& report) {
  {
    const std::lock_guard lock(mutex_);
    live_.back()->since = report.at;
  }
  const Gate::Past past = gate_.publish();
  report.draining = past.running;
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

void Workload::watch_deadlines() {
  if (watching_.load() || watching_.exchange(true)) return;
  services_.timer->at(SteadyClock::now() + kDeadlineScan, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->expire_calls();
  });
}

void Workload::expire_calls() {
  bool armed = expire_once();
  if (!armed) {
    // A call that was armed after the look and still saw watching_ set is found by the second look.
    watching_.store(false);
    armed = expire_once() && !watching_.exchange(true);
  }
  if (!armed) return;
  services_.timer->at(SteadyClock::now() + kDeadlineScan, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->expire_calls();
  });
}

// True when some call is armed.
bool Workload::expire_once() {
  const auto now = SteadyClock::now();
  const std::lock_guard lock(mutex_);
  bool armed = false;
  for (const auto& live : live_) {
    if (live->version().about().fibre && live->expire(now)) armed = true;
  }
  return armed;
}

bool Workload::wait_drained(SteadyClock::time_point deadline) {
  if (!gate_.wait_idle(deadline)) return false;
  std::unique_lock lock(mutex_);
  return retired_.wait_until(lock, deadline, [this] { return live_.size() == 1; });
}

}  // namespace berth::host
