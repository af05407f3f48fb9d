// Workload: returning to the version before the last publication.
#include <fmt/format.h>

#include <utility>

#include "host/workload.h"

namespace berth::host {
namespace {

using SteadyClock = std::chrono::steady_clock;
using telemetry::UpdateStage;

}  // namespace

Result<SwapReport> Workload::roll_back(std::string_view from, std::string reason) {
  const std::lock_guard one_at_a_time(swapping_);
  const std::string current = at(gate_.generation())->version().about().digest;
  if (!previous_) {
    return fail(Code::kFailedPrecondition,
                fmt::format("workload {} has no earlier version to return to: {} is known to be good, or was "
                            "published without a way back",
                            spec_.name, current));
  }
  if (current != from) {
    return fail(Code::kAborted, fmt::format("workload {}: {} was to be given up, but {} serves by now",
                                            spec_.name, from, current));
  }
  SwapReport report = report_to(previous_->version->about().digest);
  report.rolled_back = std::move(reason);
  const auto begin = SteadyClock::now();
  auto done = return_to_previous(report);
  if (done) {
    update_metrics_.passed(UpdateStage::kRollBack, SteadyClock::now() - begin);
    const std::lock_guard lock(mutex_);
    previous_.reset();
  } else {
    update_metrics_.failed(UpdateStage::kRollBack);
  }
  return conclude(std::move(report), std::move(done));
}

void Workload::settle(std::string_view good) {
  std::optional<Previous> gone;  // destroyed without the locks
  const std::lock_guard one_at_a_time(swapping_);
  if (at(gate_.generation())->version().about().digest != good) return;
  const std::lock_guard lock(mutex_);
  gone.swap(previous_);
}

Result<void> Workload::return_to_previous(SwapReport& report) {
  BERTH_TRY(check_serving());
  end_canary();
  if (const auto shadow = detach_shadow()) shadow->stop();
  const auto begin = SteadyClock::now();
  LiveVersion& next = *BERTH_TRY(enlist(BERTH_TRY(prepare(previous_->version, Probe::kSkip))));
  report.prepared_in = SteadyClock::now() - begin;
  if (spec_.instances.kind != InstancePolicy::Kind::kKept) {
    go_live(next, report);
    return {};
  }
  auto done = return_kept(next, report);
  if (!done) delist(next.generation);
  return done;
}

Result<void> Workload::return_kept(LiveVersion& previous, SwapReport& report) {
  LiveVersion& now = *at(gate_.generation());
  const auto begin = SteadyClock::now();
  gate_.close();
  if (!gate_.wait_idle(begin + spec_.drain)) {
    now.cancel();
    (void)gate_.wait_idle(SteadyClock::now() + spec_.cancel_grace);
  }
  Result<void> moved;
  if (spec_.handover == Handover::kAuto && previous.version().about().handover) {
    for (std::uint32_t shard = 0; moved && shard < shards(); ++shard) {
      moved = bring_back(now, previous, shard, report);
    }
  }
  if (moved) go_live(previous, report);
  report.pause = SteadyClock::now() - begin;
  gate_.open();
  return moved;
}

Result<void> Workload::bring_back(LiveVersion& from, LiveVersion& to, std::uint32_t shard,
                                  SwapReport& report) {
  // An instance made after the first one went never had the state; one that a call still runs on cannot
  // be asked for it.
  const Slot& slot = from.shard(shard);
  const bool idle = gate_.running() == 0 || (!lanes_.empty() && !slot.in_use.load(std::memory_order_acquire));
  std::optional<Error> why;
  if (from.version().about().handover && slot.intact.load(std::memory_order_acquire) && idle) {
    auto state = save(from, shard);
    if (state && *state) {
      auto restored = restore(to, shard, **state);
      if (restored) {
        report.handed_over = report.handed_over.value_or(0) + (*state)->size();
        return {};
      }
      why = std::move(restored).error();
      BERTH_TRY(renew(to, shard));
    } else if (!state) {
      why = std::move(state).error();
    }
  }
  if (!previous_->states.empty() && previous_->states[shard]) {
    const auto& earlier = *previous_->states[shard];
    report.handed_over = report.handed_over.value_or(0) + earlier.size();
    report.earlier_state = true;
    return restore(to, shard, earlier);
  }
  if (why) return fail(std::move(*why));
  return {};
}

}  // namespace berth::host
