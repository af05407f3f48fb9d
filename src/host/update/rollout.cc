// Rollout: its state, and what operators ask of it.
#include "host/update/rollout.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "host/update/imports.h"
#include "host/update/limits.h"
#include "host/update/release.h"

namespace berth::host {

using telemetry::UpdateResult;
using telemetry::UpdateStage;
using What = UpdateRecord::What;

std::shared_ptr<Rollout> Rollout::create(std::shared_ptr<Workload> workload, UpdatePlan plan,
                                         UpdateSteps steps, RolloutServices services, Remembered remembered) {
  return std::shared_ptr<Rollout>(new Rollout(std::move(workload), std::move(plan), std::move(steps),
                                              std::move(services), std::move(remembered)));
}

Rollout::Rollout(std::shared_ptr<Workload> workload, UpdatePlan plan, UpdateSteps steps,
                 RolloutServices services, Remembered remembered)
    : workload_(std::move(workload)),
      plan_(std::move(plan)),
      steps_(std::move(steps)),
      services_(std::move(services)),
      metrics_(workload_->update_metrics()),
      since_(std::chrono::system_clock::now()),
      running_{std::move(remembered.running), std::move(remembered.imports)},
      good_(running_),
      accepted_digests_(std::move(remembered.accepted)),
      pinned_(std::move(remembered.pinned)),
      shut_out_(std::move(remembered.shut_out)) {}

Rollout::~Rollout() { stop(); }

void Rollout::start() {
  const std::lock_guard lock(mutex_);
  schedule();
}

void Rollout::stop() {
  stop_.request_stop();
  std::unique_lock lock(mutex_);
  ++look_id_;
  ++tick_id_;
  next_look_.reset();
  idle_.wait(lock, [this] { return steps_running_ == 0; });
  const bool trial = machine_.phase == Phase::kCanary || machine_.phase == Phase::kShadow;
  std::optional<Update> dropped = std::exchange(update_, std::nullopt);
  std::optional<Update> held = std::exchange(held_, std::nullopt);
  machine_.phase = Phase::kIdle;
  machine_.hold = Hold::kNone;
  lock.unlock();
  if (!trial || !dropped) return;
  (void)workload_->drop_canary(dropped->found.digest);
  (void)workload_->stop_shadow();
}

void Rollout::rest() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return steps_running_ == 0; });
}

// ---- the machine ------------------------------------------------------------------------------

bool Rollout::apply(UpdateEvent event) {
  if (stop_.stop_requested()) return false;
  const auto transition = next(machine_, event);
  if (!transition) return false;
  machine_ = transition->to;
  since_ = std::chrono::system_clock::now();
  if (services_.log != nullptr) {
    services_.log->debug("update", {{"workload", workload_->spec().name},
                                    {"event", event_name(event)},
                                    {"phase", phase_name(machine_.phase)}});
  }
  enact(transition->effect);
  return true;
}

void Rollout::enact(UpdateEffect effect) {
  // Until the step that begins the next one is done.
  const bool changes = effect == UpdateEffect::kStartShadow || effect == UpdateEffect::kStartCanary ||
                       effect == UpdateEffect::kPublish || effect == UpdateEffect::kEndTrial;
  if (changes) trial_runs_ = false;
  switch (effect) {
    case UpdateEffect::kNone: return;
    case UpdateEffect::kSchedule: return settle_down();
    case UpdateEffect::kFetch: return post(&Rollout::fetch);
    case UpdateEffect::kVerify: return post(&Rollout::verify);
    case UpdateEffect::kCompile: return post(&Rollout::compile);
    case UpdateEffect::kWarm: return post(&Rollout::warm);
    case UpdateEffect::kStartShadow: return post(&Rollout::start_shadow);
    case UpdateEffect::kStartCanary: return post(&Rollout::start_canary);
    case UpdateEffect::kPublish: return post(&Rollout::publish);
    case UpdateEffect::kEndTrial:
      ending_ = true;
      ended_ = std::exchange(update_, std::nullopt);
      return post(&Rollout::end_trial);
    case UpdateEffect::kWatch: arm_tick(); return settle_down();
    case UpdateEffect::kSettle: return post(&Rollout::settle);
    case UpdateEffect::kRollBack: return post(&Rollout::give_up);
  }
}

void Rollout::post(void (Rollout::*step)()) {
  ++steps_running_;
  services_.workers.post([self = shared_from_this(), step] {
    ((*self).*step)();
    self->flush();
    const std::lock_guard lock(self->mutex_);
    if (--self->steps_running_ == 0) self->idle_.notify_all();
  });
}

bool Rollout::may_look() const {
  if (machine_.phase != Phase::kIdle || ending_) return false;
  // A candidate is compared with what serves, so that has to be known to be good.
  const bool trials = plan_.canary || plan_.shadow;
  return machine_.standing == Standing::kGood || (machine_.standing == Standing::kWatching && !trials);
}

void Rollout::settle_down() {
  if (!may_look()) return;
  if (accepted_ && held_) {
    accepted_ = false;
    update_ = std::exchange(held_, std::nullopt);
    if (apply(UpdateEvent::kAccepted)) return;
    held_ = std::exchange(update_, std::nullopt);
  }
  if (std::exchange(look_wanted_, false)) {
    apply(UpdateEvent::kLook);
    return;
  }
  schedule();
}

void Rollout::schedule() {
  const std::uint64_t id = ++look_id_;
  next_look_.reset();
  const auto wait = next_look(plan_.schedule, looks_, services_.chance());
  if (!wait || stop_.stop_requested()) return;
  next_look_ = services_.now() + *wait;
  services_.at(*next_look_, [weak = weak_from_this(), id] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    {
      const std::lock_guard lock(self->mutex_);
      if (self->look_id_ != id) return;
    }
    self->look();
  });
}

void Rollout::look() {
  const std::lock_guard lock(mutex_);
  if (stop_.stop_requested()) return;
  ++look_id_;  // the timer's look is this one
  next_look_.reset();
  if (may_look() && apply(UpdateEvent::kLook)) return;
  look_wanted_ = true;
}

void Rollout::arm_tick() {
  const std::uint64_t id = ++tick_id_;
  services_.at(services_.now() + kWatchTick, [weak = weak_from_this(), id] {
    if (const auto self = weak.lock()) self->tick(id);
  });
}

// ---- what becomes of an update ------------------------------------------------------------------

void Rollout::after_warming() {
  if (stop_.stop_requested()) return;
  const bool shadow = plan_.shadow && !update_->shadowed;
  if (shadow && apply(UpdateEvent::kTryShadow)) return;
  const bool tried = machine_.phase == Phase::kCanary;
  if (plan_.canary && !tried && apply(UpdateEvent::kTryCanary)) return;
  if (!apply(UpdateEvent::kPublish)) {
    // What serves is being given up at this moment.
    fail_update(
        UpdateStage::kPublish,
        Error(Code::kAborted, "the version that serves is being rolled back; the next look tries again"));
  }
}

void Rollout::conclude(UpdateState last, std::string reason) {
  last_ = last;
  reason_ = std::move(reason);
  since_ = std::chrono::system_clock::now();
}

void Rollout::fail_update(UpdateStage stage, Error error) {
  if (stop_.stop_requested()) return;
  ++looks_.failures;
  const Found found = update_ ? update_->found : Found{};
  std::string reason = fmt::format("{}: {}", telemetry::stage_name(stage), error.message());
  const std::string refusal = found.digest + " " + reason;
  looks_.last = std::move(error);
  // The same refusal of the same version at every look is one event.
  if (refused_ != refusal) {
    refused_ = refusal;
    metrics_.count(UpdateResult::kRefused);
    note(What::kRefused, found, reason);
  }
  conclude(UpdateState::kRefused, std::move(reason));
  // What is on trial is taken off it first.
  if (machine_.phase != Phase::kCanary && machine_.phase != Phase::kShadow) update_.reset();
  apply(UpdateEvent::kFailed);
}

void Rollout::hold(std::string reason, std::vector<std::string> more) {
  if (held_) {
    metrics_.count(UpdateResult::kReplaced);
    note(What::kReplaced, held_->found, "a newer version came before it was accepted");
  }
  held_ = std::exchange(update_, std::nullopt);
  held_->warm.reset();
  more_imports_ = std::move(more);
  accepted_ = false;
  looks_ = {};
  metrics_.count(UpdateResult::kHeld);
  note(What::kHeld, held_->found, reason);
  held_reason_ = std::move(reason);
  conclude(UpdateState::kIdle, {});
}

const ShutOut* Rollout::shut_out_of(std::string_view digest) const {
  const auto at = std::ranges::find(shut_out_, digest, &ShutOut::digest);
  return at == shut_out_.end() ? nullptr : &*at;
}

void Rollout::shut_out(const std::string& digest, const std::string& reason) {
  std::erase_if(shut_out_, [&](const ShutOut& out) { return out.digest == digest; });
  if (shut_out_.size() >= kMaxShutOut) shut_out_.erase(shut_out_.begin());
  shut_out_.push_back({digest, reason, std::chrono::system_clock::now()});
}

std::optional<std::string> Rollout::reason_to_pass_over(const Found& found) const {
  if (!pinned_.empty() && found.digest != pinned_) {
    return fmt::format("{} is there, but the workload is pinned to {}", found.digest, pinned_);
  }
  if (const ShutOut* out = shut_out_of(found.digest)) {
    return fmt::format("{} is shut out: {}", found.digest, out->reason);
  }
  if (held_ && held_->found.digest == found.digest) return held_reason_;
  return std::nullopt;
}

void Rollout::note(What what, const Found& found, std::string reason) {
  unrecorded_.push_back(
      {what, std::chrono::system_clock::now(), found.digest, found.source, found.release, std::move(reason)});
}

void Rollout::flush() {
  const std::lock_guard in_order(recording_);
  std::vector<UpdateRecord> records;
  {
    const std::lock_guard lock(mutex_);
    records.swap(unrecorded_);
  }
  for (const UpdateRecord& record : records) {
    if (services_.log != nullptr) {
      const bool bad = record.what == What::kRefused || record.what == What::kRolledBack;
      services_.log->log(bad ? telemetry::Level::kWarn : telemetry::Level::kInfo,
                         fmt::format("update {}", record_name(record.what)),
                         {{"workload", workload_->spec().name},
                          {"version", record.digest},
                          {"source", record.source},
                          {"release", record.release},
                          {"reason", record.reason}});
    }
    if (services_.record) services_.record(record);
  }
}

// ---- operators ----------------------------------------------------------------------------------

Result<void> Rollout::accept(std::string_view digest) {
  {
    const std::lock_guard lock(mutex_);
    if (!held_ || held_->found.digest != digest) {
      return fail(Code::kNotFound,
                  held_ ? fmt::format("workload {}: {} is not held; {} is", workload_->spec().name, digest,
                                      held_->found.digest)
                        : fmt::format("workload {}: no update is held", workload_->spec().name));
    }
    accepted_digests_.emplace_back(digest);
    accepted_ = true;
    note(What::kAccepted, held_->found);
    settle_down();
  }
  flush();
  return {};
}

Result<void> Rollout::roll_back(std::string reason) {
  bool watched = false;
  {
    const std::lock_guard lock(mutex_);
    give_up_reason_ = reason;
    if (machine_.phase == Phase::kCanary || machine_.phase == Phase::kShadow) {
      if (!trial_runs_) {
        return fail(Code::kBusy, fmt::format("workload {}: the trial of {} is about to begin; try again",
                                             workload_->spec().name, update_->found.digest));
      }
      give_up_candidate(std::move(reason));
    } else if (machine_.standing == Standing::kWatching && machine_.phase != Phase::kPublishing) {
      machine_.standing = Standing::kRollingBack;  // as kFoundBad, but on this thread
      ++steps_running_;
      watched = true;
    } else {
      return fail(
          Code::kFailedPrecondition,
          fmt::format("workload {}: {} is not watched any more, so it is not rolled back but replaced by "
                      "an earlier version",
                      workload_->spec().name, running_.found.digest));
    }
  }
  Result<void> done;
  if (watched) {
    if (auto report = roll_back_now(); !report) done = fail(std::move(report).error());
    const std::lock_guard lock(mutex_);
    if (--steps_running_ == 0) idle_.notify_all();
  }
  flush();
  return done;
}

Result<SwapReport> Rollout::replace(const Found& found, const Built& built,
                                    std::optional<std::string> shut_out_for) {
  {
    std::unique_lock lock(mutex_);
    const bool over = idle_.wait_for(lock, kOperatorWait, [this] { return steps_running_ == 0; });
    if (!over || machine_.phase != Phase::kIdle || machine_.standing == Standing::kRollingBack) {
      return fail(Code::kBusy,
                  fmt::format("workload {}: an update is in progress ({}); try again when it is over, or end "
                              "it with `berth rollback {}`",
                              workload_->spec().name, state_name(shown_state(machine_, last_)),
                              workload_->spec().name));
    }
    machine_.phase = Phase::kPublishing;  // nothing else begins
    ++steps_running_;
  }
  auto report = workload_->swap(built.version);
  {
    const std::lock_guard lock(mutex_);
    machine_.phase = Phase::kIdle;
    if (report) {
      if (shut_out_for) {
        shut_out(running_.found.digest, *shut_out_for);
        metrics_.count(UpdateResult::kRolledBack);
        note(What::kRolledBack, running_.found, *shut_out_for);
      } else {
        metrics_.count(UpdateResult::kPublished);
      }
      running_ = {found, built.imports};
      good_ = running_;
      machine_.standing = Standing::kGood;
      note(What::kPublished, found);
      note(What::kGood, found);
      conclude(shut_out_for ? UpdateState::kRolledBack : UpdateState::kGood,
               shut_out_for.value_or(std::string()));
    }
    settle_down();
    if (--steps_running_ == 0) idle_.notify_all();
  }
  flush();
  return report;
}

void Rollout::pin(std::string digest) {
  {
    const std::lock_guard lock(mutex_);
    note(digest.empty() ? What::kUnpinned : What::kPinned, {.digest = digest.empty() ? pinned_ : digest});
    pinned_ = std::move(digest);
  }
  flush();
}

bool Rollout::allow(std::string_view digest) {
  bool was_out = false;
  {
    const std::lock_guard lock(mutex_);
    was_out = std::erase_if(shut_out_, [&](const ShutOut& out) { return out.digest == digest; }) > 0;
    if (was_out) note(What::kAllowed, {.digest = std::string(digest)});
  }
  flush();
  return was_out;
}

UpdateStatus Rollout::status() const {
  const std::lock_guard lock(mutex_);
  UpdateStatus out;
  out.state = shown_state(machine_, last_);
  out.since = since_;
  out.reason = out.state == UpdateState::kHeld ? held_reason_ : reason_;
  out.running = running_.found.digest;
  if (update_) {
    out.candidate = update_->found.digest;
  } else if (held_) {
    out.candidate = held_->found.digest;
  }
  out.last_good = good_.found.digest;
  out.pinned = pinned_;
  if (held_) out.more_imports = more_imports_;
  out.shut_out = shut_out_;
  out.failures = looks_.failures;
  // Shown by the wall's clock, which is not the one that timers go by.
  const auto wall = [&](Clock::time_point at) {
    return std::chrono::system_clock::now() +
           std::chrono::duration_cast<std::chrono::system_clock::duration>(at - services_.now());
  };
  if (trial_runs_ || machine_.standing == Standing::kWatching) out.trial_ends = wall(trial_ends_);
  if (next_look_) out.next_look = wall(*next_look_);
  return out;
}

}  // namespace berth::host
