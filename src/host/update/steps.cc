// Rollout: the steps of an update, each on a worker.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "host/update/imports.h"
#include "host/update/limits.h"
#include "host/update/release.h"
#include "host/update/rollout.h"

namespace berth::host {
namespace {

using SteadyClock = std::chrono::steady_clock;
using telemetry::UpdateResult;
using telemetry::UpdateStage;
using What = UpdateRecord::What;

}  // namespace

// By the real clock, whatever timers go by.
template <class F>
auto Rollout::timed(UpdateStage stage, const std::string& digest, F step) {
  const auto begin = SteadyClock::now();
  auto result = step();
  if (result) {
    metrics_.passed(stage, SteadyClock::now() - begin);
    log_stage(stage, digest, SteadyClock::now() - begin);
  } else {
    metrics_.failed(stage);
  }
  return result;
}

void Rollout::log_stage(UpdateStage stage, const std::string& digest, std::chrono::nanoseconds took) const {
  if (services_.log == nullptr) return;
  // Most looks find nothing new.
  services_.log->log(stage == UpdateStage::kFetch ? telemetry::Level::kDebug : telemetry::Level::kInfo,
                     fmt::format("update stage {}", telemetry::stage_name(stage)),
                     {{"workload", workload_->spec().name},
                      {"version", digest},
                      {"ms", std::chrono::duration<double, std::milli>(took).count()}});
}

void Rollout::fetch() {
  auto found = timed(UpdateStage::kFetch, {}, [&] { return steps_.fetch(stop_.get_token()); });
  const std::lock_guard lock(mutex_);
  if (!found) return fail_update(UpdateStage::kFetch, std::move(found).error());
  if (!*found || (*found)->digest == running_.found.digest) {
    looks_ = {};
    refused_.clear();
    if (last_ == UpdateState::kRefused) conclude(UpdateState::kIdle, {});
    apply(UpdateEvent::kNothingNew);
    return;
  }
  if (auto reason = reason_to_pass_over(**found)) {
    looks_ = {};
    reason_ = std::move(*reason);
    apply(UpdateEvent::kNothingNew);
    return;
  }
  update_ = Update{.found = std::move(**found)};
  if (plan_.downgrade == Downgrade::kRefuse && is_downgrade(running_.found.release, update_->found.release)) {
    return fail_update(
        UpdateStage::kFetch,
        Error(
            Code::kFailedPrecondition,
            fmt::format("{} is older than the running {}; write `downgrade: allow` under workloads.{}.update "
                        "to take it",
                        update_->found.release, running_.found.release, workload_->spec().name)));
  }
  apply(UpdateEvent::kFetched);
}

void Rollout::verify() {
  auto verified = timed(UpdateStage::kVerify, update_->found.digest,
                        [&] { return steps_.verify(update_->found, stop_.get_token()); });
  const std::lock_guard lock(mutex_);
  if (!verified) return fail_update(UpdateStage::kVerify, std::move(verified).error());
  apply(UpdateEvent::kVerified);
}

void Rollout::compile() {
  auto built = timed(UpdateStage::kCompile, update_->found.digest,
                     [&] { return steps_.compile(update_->found, stop_.get_token()); });
  const std::lock_guard lock(mutex_);
  if (!built) return fail_update(UpdateStage::kCompile, std::move(built).error());
  update_->built = std::move(*built);
  const std::string& digest = update_->found.digest;
  auto more = asks_for_more(running_.imports, update_->built.imports);
  const bool accepted = std::ranges::find(accepted_digests_, digest) != accepted_digests_.end();
  if (plan_.new_imports == NewImports::kHold && !more.empty() && !accepted) {
    // Before any of its code runs: not even its probe.
    const std::size_t shown = std::min(more.size(), kShownImports);
    hold(
        fmt::format("it imports {}{}, which the running version does not; `berth accept {} {}` lets it go on",
                    fmt::join(more.begin(), more.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                    more.size() > shown ? fmt::format(" and {} more", more.size() - shown) : "",
                    workload_->spec().name, digest),
        std::move(more));
    apply(UpdateEvent::kAsksForMore);
    return;
  }
  if (held_) {
    metrics_.count(UpdateResult::kReplaced);
    note(What::kReplaced, held_->found, "a newer version came before it was accepted");
    held_.reset();
  }
  apply(UpdateEvent::kCompiled);
}

void Rollout::warm() {
  const auto begin = SteadyClock::now();
  auto ready = workload_->warm(update_->built.version);  // which counts it
  const std::lock_guard lock(mutex_);
  if (ready) log_stage(UpdateStage::kWarm, update_->found.digest, SteadyClock::now() - begin);
  if (!ready) return fail_update(UpdateStage::kWarm, std::move(ready).error());
  update_->warm.emplace(std::move(*ready));
  after_warming();
}

void Rollout::start_shadow() {
  Result<void> started;
  if (update_->built.shadow == nullptr) {
    started =
        fail(Code::kFailedPrecondition,
             "it cannot be shadowed: it uses a grant that has no form in which nothing reaches outside; "
             "write a canary in place of the shadow");
  } else {
    started = workload_->start_shadow(update_->built.shadow, plan_.shadow->share);
  }
  const Comparison now = workload_->compare();
  const std::lock_guard lock(mutex_);
  if (!started)
    return fail_update(UpdateStage::kWarm, std::move(started).error().context("starting a shadow"));
  update_->shadowed = true;
  trial_ = begin_trial(now.of_current, now.of_shadow);
  trial_ends_ = services_.now() + plan_.shadow->time;
  trial_runs_ = true;
  arm_tick();
}

void Rollout::start_canary() {
  (void)workload_->stop_shadow();
  auto started = workload_->start_canary(std::move(*update_->warm), plan_.canary->share);
  const Comparison now = workload_->compare();
  const std::lock_guard lock(mutex_);
  update_->warm.reset();
  if (!started)
    return fail_update(UpdateStage::kPublish, std::move(started).error().context("starting a canary"));
  trial_ = begin_trial(now.of_current, now.of_canary);
  trial_ends_ = services_.now() + plan_.canary->time;
  trial_runs_ = true;
  arm_tick();
}

void Rollout::publish() {
  (void)workload_->stop_shadow();
  const WayBack way_back = plan_.rollback ? WayBack::kKeep : WayBack::kForget;
  std::string good;
  {
    const std::lock_guard lock(mutex_);
    if (machine_.standing == Standing::kGood) good = running_.found.digest;
  }
  // It may have been found good a moment ago, with settle() still to come.
  if (!good.empty()) workload_->settle(good);
  const auto begin = SteadyClock::now();
  // A canary has given its warm form away, and is promoted.
  auto report = update_->warm ? workload_->publish(std::move(*update_->warm), way_back)
                              : workload_->promote(update_->found.digest, way_back);
  const Comparison now = workload_->compare();
  const std::lock_guard lock(mutex_);
  update_->warm.reset();
  if (!report) return fail_update(UpdateStage::kPublish, std::move(report).error());
  log_stage(UpdateStage::kPublish, update_->found.digest, SteadyClock::now() - begin);
  metrics_.count(UpdateResult::kPublished);
  if (machine_.standing == Standing::kWatching) {
    metrics_.count(UpdateResult::kReplaced);
    note(What::kReplaced, running_.found, "a newer version came before it was known to be good");
  }
  note(What::kPublished, update_->found);
  running_ = {update_->found, update_->built.imports};
  update_.reset();
  looks_ = {};
  refused_.clear();
  conclude(UpdateState::kGood, {});
  if (!plan_.rollback) {
    good_ = running_;
    metrics_.count(UpdateResult::kGood);
    note(What::kGood, running_.found);
    apply(UpdateEvent::kPublishedForGood);
    return;
  }
  trial_ = begin_trial_after(now.of_current);
  trial_ends_ = services_.now() + plan_.rollback->within;
  rollback_failures_ = 0;
  rollback_not_before_ = {};
  apply(UpdateEvent::kPublished);
}

void Rollout::end_trial() {
  std::optional<Update> gone;
  {
    const std::lock_guard lock(mutex_);
    gone = std::exchange(ended_, std::nullopt);
  }
  if (gone) (void)workload_->drop_canary(gone->found.digest);
  (void)workload_->stop_shadow();
  gone.reset();
  const std::lock_guard lock(mutex_);
  ending_ = false;
  settle_down();
}

void Rollout::settle() {
  std::string good;
  {
    const std::lock_guard lock(mutex_);
    good = good_.found.digest;
  }
  workload_->settle(good);
  const std::lock_guard lock(mutex_);
  settle_down();
}

void Rollout::give_up() { (void)roll_back_now(); }

Result<SwapReport> Rollout::roll_back_now() {
  std::string digest;
  std::string reason;
  {
    const std::lock_guard lock(mutex_);
    digest = running_.found.digest;
    reason = give_up_reason_;
  }
  const auto begin = SteadyClock::now();
  auto report = workload_->roll_back(digest, reason);
  const std::lock_guard lock(mutex_);
  if (!report) {
    // Where somebody published another version by hand, the next look at it finds that out.
    const auto wait =
        next_look({.backoff = kMaxRetryAfter}, {++rollback_failures_, Error(Code::kUnavailable, "")}, 1);
    rollback_not_before_ = services_.now() + wait.value_or(kFirstRetry);
    reason_ = fmt::format("{}; it cannot be rolled back: {}", reason, report.error().message());
    apply(UpdateEvent::kRollbackFailed);
    return report;
  }
  log_stage(UpdateStage::kRollBack, digest, SteadyClock::now() - begin);
  shut_out(digest, reason);
  metrics_.count(UpdateResult::kRolledBack);
  note(What::kRolledBack, running_.found,
       report->earlier_state ? reason + "; what it had changed in the state is lost" : reason);
  running_ = good_;
  conclude(UpdateState::kRolledBack, std::move(reason));
  apply(UpdateEvent::kRolledBack);
  return report;
}

}  // namespace berth::host
