// Workload: canary and shadow, the two ways to try a version beside the one that serves.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "host/workload.h"

namespace berth::host {
namespace {

using SteadyClock = std::chrono::steady_clock;

}  // namespace

LiveVersion* Workload::canary() const {
  const auto generation = gate_.counts().candidate;
  return generation ? at(*generation) : nullptr;
}

Result<void> Workload::start_canary(Warm next, double share) {
  const std::lock_guard one_at_a_time(swapping_);
  BERTH_TRY(check_serving());
  if (spec_.instances.kind == InstancePolicy::Kind::kKept) {
    return fail(Code::kFailedPrecondition,
                fmt::format("workload {} keeps its state in its instances, so a share of its calls would "
                            "see a share of the state; a canary needs `instances: fresh` or a pool",
                            spec_.name));
  }
  if (const LiveVersion* other = canary()) {
    return fail(Code::kAlreadyExists, fmt::format("workload {} has a canary already: {}", spec_.name,
                                                  other->version().about().digest));
  }
  LiveVersion& candidate = *BERTH_TRY(enlist(std::move(next.live_)));
  {
    const std::lock_guard lock(mutex_);
    candidate.since = std::chrono::system_clock::now();
    share_ = share;
  }
  const double limit = gate_.limit();
  const double places = std::clamp(std::ceil(share * limit), 1.0, limit);
  gate_.split(candidate.generation,
              {.below = share_of_draws(share), .places = static_cast<std::uint32_t>(places)});
  update_metrics_.candidate_share->set(share);
  return {};
}

Result<SwapReport> Workload::promote(std::string_view digest, WayBack way_back) {
  const std::lock_guard one_at_a_time(swapping_);
  LiveVersion* next = canary();
  if (next == nullptr || next->version().about().digest != digest) {
    return fail(Code::kNotFound, fmt::format("workload {} has no canary {}", spec_.name, digest));
  }
  SwapReport report = report_to(digest);
  LiveVersion& now = *at(gate_.generation());
  keep(now, *next, {}, way_back);
  {
    const std::lock_guard lock(mutex_);
    next->since = report.at;
    now.replaced = SteadyClock::now();
  }
  const Gate::Past past = gate_.promote();
  report.draining = past.running;
  retire(past);
  update_metrics_.candidate_share->set(0);
  return conclude(std::move(report), {});
}

bool Workload::drop_canary(std::string_view digest) {
  const std::lock_guard one_at_a_time(swapping_);
  const LiveVersion* candidate = canary();
  if (candidate == nullptr || candidate->version().about().digest != digest) return false;
  end_canary();
  return true;
}

void Workload::end_canary() {
  LiveVersion* candidate = canary();
  if (candidate == nullptr) return;
  {
    const std::lock_guard lock(mutex_);
    candidate->replaced = SteadyClock::now();
  }
  retire(gate_.unsplit());
  update_metrics_.candidate_share->set(0);
}

Result<void> Workload::start_shadow(std::shared_ptr<const Version> version, double share) {
  const std::lock_guard one_at_a_time(swapping_);
  BERTH_TRY(check_serving());
  BERTH_TRY(check_exports(version->about()));
  if (const auto other = this->shadow()) {
    return fail(Code::kAlreadyExists,
                fmt::format("workload {} has a shadow already: {}", spec_.name, other->digest()));
  }
  if (shards() > 1) {
    return fail(Code::kFailedPrecondition,
                fmt::format("workload {} keeps its state in {} instances, and a shadow is a single one: it "
                            "needs `instances: one`",
                            spec_.name, shards()));
  }
  const bool one = spec_.instances.kind == InstancePolicy::Kind::kKept;
  if (one && !(at(gate_.generation())->version().about().handover && version->about().handover)) {
    return fail(
        Code::kFailedPrecondition,
        fmt::format("workload {} keeps state, and a shadow needs a copy of it: both versions must export "
                    "berth:lifecycle/handover",
                    spec_.name));
  }
  auto shadow = BERTH_TRY(Shadow::create(std::move(version), {.workload = spec_.name,
                                                              .kind = spec_.instances.kind,
                                                              .deadline = spec_.limits.call,
                                                              .share = one ? 1 : share,
                                                              .metrics = update_metrics_}));
  std::optional<std::vector<std::uint8_t>> state;
  if (one) {
    BERTH_TRY(attach_with_state(shadow, state));
  } else {
    attach(shadow);
  }
  auto begun = shadow->begin(state);
  if (!begun) detach_shadow();
  return begun;
}

// The copy holds exactly what the calls before it did, and every call after it is repeated.
Result<void> Workload::attach_with_state(const std::shared_ptr<Shadow>& shadow,
                                         std::optional<std::vector<std::uint8_t>>& state) {
  gate_.close();
  Result<void> done;
  if (gate_.wait_idle(SteadyClock::now() + spec_.drain)) {
    auto saved = save(*at(gate_.generation()), 0);
    if (saved) {
      state = std::move(*saved);
      attach(shadow);
    } else {
      done = fail(std::move(saved).error());
    }
  } else {
    done = fail(Code::kDeadlineExceeded,
                fmt::format("the running call did not end within {} ms, so its state cannot be copied; try "
                            "again, or raise workloads.{}.update.drain",
                            spec_.drain.count(), spec_.name));
  }
  gate_.open();
  return done;
}

void Workload::attach(std::shared_ptr<Shadow> shadow) {
  const std::lock_guard lock(mutex_);
  shadow_ = std::move(shadow);
  shadowing_.store(true, std::memory_order_release);
}

std::shared_ptr<Shadow> Workload::detach_shadow() {
  const std::lock_guard lock(mutex_);
  shadowing_.store(false, std::memory_order_release);
  return std::exchange(shadow_, nullptr);
}

std::optional<ShadowStatus> Workload::stop_shadow() {
  const std::lock_guard one_at_a_time(swapping_);
  const auto shadow = detach_shadow();
  if (shadow == nullptr) return std::nullopt;
  shadow->stop();
  return shadow->status();
}

std::shared_ptr<Shadow> Workload::shadow() const {
  const std::lock_guard lock(mutex_);
  return shadow_;
}

Comparison Workload::compare() const {
  Comparison out;
  const std::lock_guard lock(mutex_);
  const LiveVersion& now = *at(gate_.generation());
  out.current = now.version().about().digest;
  out.of_current = now.observed();
  if (previous_) out.of_previous = previous_->observed;
  if (const LiveVersion* candidate = canary()) {
    out.canary = candidate->version().about().digest;
    out.of_canary = candidate->observed();
  }
  if (shadow_ != nullptr) {
    out.shadow = shadow_->status();
    out.of_shadow = shadow_->observed();
  }
  return out;
}

}  // namespace berth::host
