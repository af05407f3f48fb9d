// Rollout: carries the updates of one workload through, from the source to good or rolled back.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/executor.h"
#include "host/update/judge.h"
#include "host/update/machine.h"
#include "host/update/plan.h"
#include "host/update/schedule.h"
#include "host/update/status.h"
#include "host/workload.h"
#include "telemetry/log.h"

namespace berth::host {

// What a found version was made into.
struct Built {
  std::shared_ptr<const Version> version;
  // The same code, where nothing that an instance does reaches outside (Grant::shadow). Null: it cannot be
  // shadowed.
  std::shared_ptr<const Version> shadow;
  std::vector<std::string> imports;  // those that need code
};

// Each blocks, and ends soon once the token is stopped. Called one at a time, in this order, so they may
// share what they made of the same version. An error's code decides when it is tried again
// (may_pass), its retry_after is kept.
struct UpdateSteps {
  // What the source has now; nothing when it has not changed.
  std::function<Result<std::optional<Found>>(std::stop_token)> fetch;
  std::function<Result<void>(const Found&, std::stop_token)> verify;
  std::function<Result<Built>(const Found&, std::stop_token)> compile;
};

// What a Rollout uses of the program. References and what the functions use outlive it.
struct RolloutServices {
  using Clock = std::chrono::steady_clock;
  Executor& workers;  // runs what blocks: steps, publications. Not the executor that calls run on
  std::function<void(Clock::time_point, std::move_only_function<void()>)> at;  // as Timer::at
  std::function<Clock::time_point()> now;
  std::function<double()> chance;                        // evenly from 0 to 1
  telemetry::Logger* log = nullptr;                      // may be null
  std::function<void(const UpdateRecord&)> record = {};  // keeps the history; may block; may be empty
};

// An update comes from the source, or an operator acts; the machine (machine.h) says what follows.
//
// Thread-safe. Held by shared_ptr. Methods return at once unless they say that they block.
class Rollout final : public std::enable_shared_from_this<Rollout> {
 public:
  // `workload` serves remembered.running.
  [[nodiscard]] static std::shared_ptr<Rollout> create(std::shared_ptr<Workload> workload, UpdatePlan plan,
                                                       UpdateSteps steps, RolloutServices services,
                                                       Remembered remembered);
  // Blocks as stop() does.
  ~Rollout();
  Rollout(const Rollout&) = delete;
  Rollout& operator=(const Rollout&) = delete;

  // Schedules the first look.
  void start();
  // Ends what is in progress; the version that serves goes on. Blocks until no step runs.
  void stop();
  // Waits until no step runs and what happened is recorded.
  void rest();

  // Looks at the source now, or as soon as what is in progress is over.
  void look();
  // Lets the held update go on. kNotFound: `digest` is not what is held; the message says what is.
  Result<void> accept(std::string_view digest);
  // Gives up the version that is watched, or the candidate on trial, and shuts it out. Blocks.
  //  kFailedPrecondition: the version that serves is known to be good, so there is no way back: use
  //  replace. kBusy: the trial is about to begin. Otherwise as Workload::roll_back.
  Result<void> roll_back(std::string reason);
  // Publishes what an operator chose in place of the version that serves, without trial or judgement: it
  // counts as good. With a reason, the version that serves is shut out. Blocks, also while a step of an
  // update runs.
  //  kBusy: an update is on trial. Otherwise as Workload::swap.
  Result<SwapReport> replace(const Found& found, const Built& built, std::optional<std::string> shut_out);
  // Takes no digest but this one; "" takes any again.
  void pin(std::string digest);
  // Takes a digest again that was shut out. False when it was not.
  bool allow(std::string_view digest);

  [[nodiscard]] UpdateStatus status() const;

 private:
  using Clock = RolloutServices::Clock;

  // An update on its way.
  struct Update {
    Found found;
    Built built;
    std::optional<Warm> warm;
    bool shadowed = false;
  };
  struct Serving {
    Found found;
    std::vector<std::string> imports;
  };

  Rollout(std::shared_ptr<Workload> workload, UpdatePlan plan, UpdateSteps steps, RolloutServices services,
          Remembered remembered);

  // ---- rollout.cc; with mutex_ held
  bool apply(UpdateEvent event);
  void enact(UpdateEffect effect);
  void post(void (Rollout::*step)());
  void settle_down();  // nothing is in progress: what was put off, or the next look
  void schedule();
  void arm_tick();
  [[nodiscard]] bool may_look() const;
  void after_warming();  // what the plan says
  void fail_update(telemetry::UpdateStage stage, Error error);
  void hold(std::string reason, std::vector<std::string> more);
  void shut_out(const std::string& digest, const std::string& reason);
  void note(UpdateRecord::What what, const Found& found, std::string reason = {});
  void conclude(UpdateState last, std::string reason);
  [[nodiscard]] const ShutOut* shut_out_of(std::string_view digest) const;
  [[nodiscard]] std::optional<std::string> reason_to_pass_over(const Found& found) const;

  // ---- steps.cc; on a worker, without mutex_
  template <class F>
  auto timed(telemetry::UpdateStage stage, const std::string& digest, F step);
  void log_stage(telemetry::UpdateStage stage, const std::string& digest,
                 std::chrono::nanoseconds took) const;
  void fetch();
  void verify();
  void compile();
  void warm();
  void start_shadow();
  void start_canary();
  void publish();
  void end_trial();
  void settle();
  void give_up();
  Result<SwapReport> roll_back_now();

  // ---- watch.cc
  void tick(std::uint64_t id);
  void watch_canary(const Comparison& now);
  void watch_shadow(const Comparison& now);
  void watch_published(const Comparison& now);
  void replaced_by_hand();
  void give_up_candidate(std::string reason);
  [[nodiscard]] RollbackRules rules() const { return plan_.rollback.value_or(RollbackRules{.min_calls = 0}); }

  void flush();  // logs and records, in order, without mutex_

  const std::shared_ptr<Workload> workload_;
  const UpdatePlan plan_;
  const UpdateSteps steps_;
  const RolloutServices services_;
  const telemetry::UpdateMetrics& metrics_;
  std::stop_source stop_;

  mutable std::mutex mutex_;
  std::condition_variable idle_;
  std::uint32_t steps_running_ = 0;
  UpdateMachine machine_;
  UpdateState last_ = UpdateState::kIdle;
  std::string reason_;
  WallTime since_;
  std::optional<Update> update_;  // while the phase is not idle
  std::optional<Update> held_;
  std::string held_reason_;
  std::vector<std::string> more_imports_;  // of held_
  std::optional<Update> ended_;            // a trial that is over, until its calls are taken away
  bool ending_ = false;                    // nothing new begins until then
  bool accepted_ = false;                  // held_ goes on when nothing else is in progress
  Serving running_;
  Serving good_;  // the last good one: running_, or what a rollback returns to
  std::string give_up_reason_;
  std::vector<std::string> accepted_digests_;
  std::string pinned_;
  std::vector<ShutOut> shut_out_;
  Looks looks_;
  std::string refused_;  // the last refusal, so that it is told once
  bool look_wanted_ = false;
  std::uint64_t look_id_ = 0;  // of the timer that counts
  std::optional<Clock::time_point> next_look_;
  bool trial_runs_ = false;  // the phase is a trial, and it has begun
  Trial trial_;
  std::uint64_t tick_id_ = 0;
  Clock::time_point trial_ends_;
  Clock::time_point rollback_not_before_;
  std::uint32_t rollback_failures_ = 0;
  std::vector<UpdateRecord> unrecorded_;

  std::mutex recording_;  // keeps records in order; taken before mutex_
};

}  // namespace berth::host
