// Rollout: looking at a candidate, or at a version that was just published.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "host/update/limits.h"
#include "host/update/rollout.h"

namespace berth::host {

using telemetry::UpdateResult;
using telemetry::UpdateStage;
using What = UpdateRecord::What;

// On the timer's thread: nothing here blocks.
void Rollout::tick(std::uint64_t id) {
  const Comparison now = workload_->compare();
  const std::lock_guard lock(mutex_);
  if (id != tick_id_ || stop_.stop_requested()) return;
  if (trial_runs_) {
    if (machine_.phase == Phase::kCanary) {
      watch_canary(now);
    } else {
      watch_shadow(now);
    }
  } else if (machine_.standing == Standing::kWatching && machine_.phase != Phase::kPublishing) {
    // While the next version is published there is nothing to judge.
    watch_published(now);
  }
  if ((trial_runs_ || machine_.standing == Standing::kWatching) && id == tick_id_) arm_tick();
}

void Rollout::watch_canary(const Comparison& now) {
  if (now.canary != update_->found.digest) {
    return replaced_by_hand();
  }
  Judgement judgement = judge(rules(), trial_, now.of_current, now.of_canary, services_.now() >= trial_ends_);
  reason_ = judgement.reason;
  if (judgement.verdict == Verdict::kOpen) return;
  if (judgement.verdict == Verdict::kGood) return after_warming();
  give_up_candidate(std::move(judgement.reason));
}

void Rollout::replaced_by_hand() {
  static constexpr std::string_view kWhy = "another version was published by hand";
  note(What::kReplaced, update_->found, std::string(kWhy));
  conclude(UpdateState::kIdle, std::string(kWhy));
  const Comparison now = workload_->compare();
  running_ = {.found = {.digest = now.current}};
  good_ = running_;
  apply(UpdateEvent::kReplaced);
}

void Rollout::give_up_candidate(std::string reason) {
  shut_out(update_->found.digest, reason);
  metrics_.count(UpdateResult::kRolledBack);
  note(What::kRolledBack, update_->found, reason);
  conclude(UpdateState::kRolledBack, std::move(reason));
  apply(UpdateEvent::kBad);
}

void Rollout::watch_shadow(const Comparison& now) {
  if (!now.shadow || now.shadow->digest != update_->found.digest) {
    return replaced_by_hand();
  }
  const ShadowStatus& shadow = *now.shadow;
  const std::uint64_t compared = shadow.equal + shadow.different + shadow.failed;
  if (!shadow.out_of_step.empty() && compared < rules().min_calls) {
    return fail_update(UpdateStage::kWarm,
                       Error(Code::kAborted, fmt::format("the shadow compared only {} calls: {}", compared,
                                                         shadow.out_of_step)));
  }
  const bool over = services_.now() >= trial_ends_ || !shadow.out_of_step.empty();
  const std::uint64_t calls = now.of_current.since(trial_.base_before).total();
  if (over && compared == 0 && calls >= std::max<std::uint64_t>(rules().min_calls, 1)) {
    return fail_update(
        UpdateStage::kWarm,
        Error(Code::kFailedPrecondition,
              fmt::format("the shadow repeated none of {} calls: what calls the workload cannot repeat them; "
                          "write a canary in place of the shadow",
                          calls)));
  }
  Judgement judgement = judge(rules(), trial_, now.of_current, now.of_shadow, over);
  reason_ = judgement.reason;
  if (judgement.verdict == Verdict::kOpen) return;
  if (judgement.verdict == Verdict::kBad) return give_up_candidate(std::move(judgement.reason));
  const std::uint64_t answered = shadow.equal + shadow.different;
  if (static_cast<double>(shadow.different) > plan_.shadow->differ * static_cast<double>(answered)) {
    hold(fmt::format(
             "{} of {} answers differed from those of the running version; `berth accept {} {}` lets it "
             "go on",
             shadow.different, answered, workload_->spec().name, shadow.digest),
         {});
    apply(UpdateEvent::kDiffers);
    return;
  }
  after_warming();
}

void Rollout::watch_published(const Comparison& now) {
  if (now.current != running_.found.digest || !now.of_previous) {
    running_.found = {.digest = now.current};
    good_ = running_;
    conclude(UpdateState::kIdle, "another version was published by hand");
    apply(UpdateEvent::kServesOther);
    return;
  }
  Judgement judgement =
      judge(rules(), trial_, *now.of_previous, now.of_current, services_.now() >= trial_ends_);
  if (judgement.verdict == Verdict::kGood) {
    good_ = running_;
    metrics_.count(UpdateResult::kGood);
    note(What::kGood, running_.found);
    conclude(UpdateState::kGood, {});
    apply(UpdateEvent::kFoundGood);
    return;
  }
  if (judgement.verdict == Verdict::kOpen) {
    if (machine_.phase == Phase::kIdle && !judgement.reason.empty()) reason_ = judgement.reason;
    return;
  }
  if (services_.now() < rollback_not_before_) return;
  give_up_reason_ = judgement.reason;
  reason_ = std::move(judgement.reason);
  apply(UpdateEvent::kFoundBad);
}

}  // namespace berth::host
