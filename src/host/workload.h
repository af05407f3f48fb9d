// Workload: a named component that serves calls and can be swapped while it does.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/executor.h"
#include "host/draw.h"
#include "host/gate.h"
#include "host/live_version.h"
#include "host/observed.h"
#include "host/shadow.h"
#include "host/spec.h"
#include "host/status.h"
#include "host/timer.h"
#include "host/version.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"
#include "telemetry/update_metrics.h"

namespace berth::host {

// What a workload needs from its Host. References outlive the workload's last call.
struct WorkloadServices {
  Executor& executor;  // resumes callers that waited
  telemetry::Metrics& metrics;
  std::shared_ptr<Timer> timer;
  telemetry::Logger* log = nullptr;  // may be null
};

// A version that is ready to serve one workload: instantiated once, probed, counted nowhere yet.
// One thread at a time.
class Warm final {
 public:
  [[nodiscard]] const Version& version() const { return live_->version(); }

 private:
  friend class Workload;
  Warm(std::unique_ptr<LiveVersion> live, std::chrono::nanoseconds took)
      : live_(std::move(live)), took_(took) {}
  std::unique_ptr<LiveVersion> live_;
  std::chrono::nanoseconds took_;
};

// Whether a publication can be taken back (Workload::roll_back).
enum class WayBack : std::uint8_t {
  kForget,
  kKeep,   // until settle(): the version before, how its calls went, and a copy of the state it handed over
  kLeave,  // as it is: what is published is what serves, in better code
};

// How the calls of a workload's versions went.
struct Comparison {
  std::string current;                  // the digest that serves
  Observed of_current;                  // since it serves
  std::optional<Observed> of_previous;  // the one that a rollback would return to, until it was replaced
  std::string canary;                   // its digest, or empty
  Observed of_canary;
  std::optional<ShadowStatus> shadow;
  Observed of_shadow;
};

// Calls go through Typed<Exports> (host/call.h); this class decides which version and which instance
// serve them, and replaces versions.
//
// Thread-safe. Held by shared_ptr: a call in flight keeps its workload alive. Methods that block wait
// for each other; never call them on a thread of the executor.
class Workload final : public std::enable_shared_from_this<Workload> {
 public:
  // Instantiates `version` once, asks its probe if it has one, and serves. Blocks meanwhile.
  //  kInvalidArgument: the spec is out of range; the message names the manifest's key.
  //  Otherwise what the instantiation or the probe failed with.
  [[nodiscard]] static Result<std::shared_ptr<Workload>> create(WorkloadSpec spec,
                                                                std::shared_ptr<const Version> version,
                                                                const WorkloadServices& services);
  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;

  [[nodiscard]] const WorkloadSpec& spec() const { return spec_; }
  [[nodiscard]] ExportsType exports() const { return exports_; }
  // How many instances keep a share of the state each (CallOptions::shard); 1 for every other policy.
  [[nodiscard]] std::uint32_t shards() const {
    return lanes_.empty() ? 1 : static_cast<std::uint32_t>(lanes_.size());
  }

  // Instantiates `version` and asks its probe. Blocks, also beside a swap.
  //  kInvalidArgument: other exports than the workload's callers use.
  [[nodiscard]] Result<Warm> warm(std::shared_ptr<const Version> version);

  // Publishes a version in place of the current one. Calls in flight finish on the version they
  // began with; it drains until spec().drain, then they are cancelled. Returns when calls go to the
  // new version, not when the old one is drained. A canary or a shadow that there is ends first.
  //
  // Where instances keep state callers are held back in the queues until the running calls have ended, so
  // that calls stay in order; with a hand-over the state of each shard moves meanwhile. Fresh and pooled
  // instances have no state of their own, so nothing is handed over and nobody is held back.
  //
  // On any failure the old version serves as before and the attempt is kept in status().last_swap.
  // A trap or a passed deadline in `save` costs the old instance, as everywhere: the old version
  // then serves from a new one, without the state, and the message says so.
  //
  // Blocks.
  //  kFailedPrecondition: the old version hands over its state and the new one cannot take it.
  //  kInvalidArgument: other exports than the workload's callers use.
  //  kDeadlineExceeded: the running call, `save` or `restore` took too long.
  //  kUnavailable: the workload was stopped.
  [[nodiscard]] Result<SwapReport> publish(Warm next, WayBack way_back = WayBack::kForget);
  // warm() and publish(). A version that cannot be warmed counts as a failed swap.
  [[nodiscard]] Result<SwapReport> swap(std::shared_ptr<const Version> version,
                                        WayBack way_back = WayBack::kForget);

  // Returns to the version before the last publication, if `from` is still what serves. Its probe is not
  // asked: it served before. State that `from` keeps goes back through `save` and `restore`, shard by
  // shard; where `from` has lost it, or cannot save it, the copy kept since the publication is
  // restored instead (SwapReport::earlier_state). A call of `from` that does not end is cancelled.
  // Blocks.
  //  kFailedPrecondition: no way back was kept. kAborted: another version serves by now.
  //  Otherwise as publish; `from` then serves on, and the way back is kept.
  [[nodiscard]] Result<SwapReport> roll_back(std::string_view from, std::string reason);
  // `good` is known to be: forgets the way back from it, if it still serves.
  void settle(std::string_view good);

  // Sends `share` (0 to 1) of the calls to `next`, as spec().canary_by chooses them, and keeps the
  // current version. It has places of its own in proportion to its share, at least one; a call that
  // finds them taken runs on the current version.
  //  kFailedPrecondition: instances keep state: a share of the calls would see a share of it.
  //  kAlreadyExists: there is a canary. Otherwise as publish. Blocks.
  Result<void> start_canary(Warm next, double share);
  // The canary becomes the current version, with the instances it has. Blocks.
  //  kNotFound: there is none, or it has another digest.
  [[nodiscard]] Result<SwapReport> promote(std::string_view canary, WayBack way_back = WayBack::kForget);
  // No call goes to the canary any more; those on it finish as after a swap. False when there is none,
  // or it has another digest.
  bool drop_canary(std::string_view canary);

  // Repeats `share` of the calls on an instance of `version` (host/shadow.h): of those calls that can be
  // repeated (Typed::call). Where an instance keeps state every call is repeated, from a copy of it;
  // callers wait while it is saved. Blocks.
  //  kFailedPrecondition: the state cannot be copied; the message says why. There are several shards.
  //  kAlreadyExists: there is a shadow.
  Result<void> start_shadow(std::shared_ptr<const Version> version, double share);
  // Blocks while a repeated call ends. What it came to, or nothing when there was none.
  std::optional<ShadowStatus> stop_shadow();

  [[nodiscard]] Comparison compare() const;

  // Publishes the same component in better code, which `version` is. Not a swap that anybody asked for, so
  // it is not counted as one, and it takes nothing from the guest: instances that keep state are replaced
  // when it can be handed over, and otherwise kept until the next swap or start.
  //
  // Blocks like a swap, and fails like one; the running code then serves on.
  enum class Improved : std::uint8_t {
    kDone,
    kKept,      // the instance keeps state and cannot hand it over, or a canary or shadow is on trial
    kOutdated,  // another component serves by now
  };
  struct Improvement {
    Improved result = Improved::kDone;
    SwapReport report;
  };
  [[nodiscard]] Result<Improvement> improve(std::shared_ptr<const Version> version);

  // Refuses new calls, lets running ones finish until spec().drain, then cancels them. Blocks.
  //  kDeadlineExceeded: calls that cannot be cancelled still run.
  Result<void> stop();

  [[nodiscard]] WorkloadStatus status() const;
  [[nodiscard]] const telemetry::UpdateMetrics& update_metrics() const { return update_metrics_; }

  // ---- for Typed
  [[nodiscard]] bool shadowing() const { return shadowing_.load(std::memory_order_acquire); }
  [[nodiscard]] std::shared_ptr<Shadow> shadow() const;
  [[nodiscard]] bool serves(Generation generation) const { return gate_.generation() == generation; }

 private:
  friend class Call;
  // What each shard saved; nothing where there is no instance: it trapped, and no call came since.
  using States = std::vector<std::optional<std::vector<std::uint8_t>>>;
  enum class Probe : std::uint8_t { kAsk, kSkip };

  // What roll_back() needs.
  struct Previous {
    std::shared_ptr<const Version> version;
    Observed observed;
    States states;  // as the current version got them; empty: there was no hand-over
  };

  Workload(WorkloadSpec spec, ExportsType exports, std::uint32_t slots, const WorkloadServices& services);

  // ---- swap.cc
  // A version ready to publish: probed, with a warm instance.
  Result<std::unique_ptr<LiveVersion>> prepare(std::shared_ptr<const Version> version, Probe probe);
  [[nodiscard]] SwapReport report_to(std::string_view digest) const;
  Result<void> check_serving() const;
  Result<void> check_exports(const Version::About& about) const;
  Result<SwapReport> conclude(SwapReport report, Result<void> done);
  // With swapping_ held.
  Result<void> publish(std::unique_ptr<LiveVersion> next, WayBack way_back, SwapReport& report);
  Result<void> publish_kept(LiveVersion& next, WayBack way_back, SwapReport& report);
  void keep(const LiveVersion& replaced, const LiveVersion& next, States states, WayBack way_back);
  // Enters a version into the table under a generation of its own; waits while that entry is in use.
  Result<LiveVersion*> enlist(std::unique_ptr<LiveVersion> live);
  void delist(Generation generation);
  void go_live(LiveVersion& next, SwapReport& report);
  void retire(Gate::Past past);
  void retire_soon(Generation generation);
  void cancel(Generation generation);
  bool wait_drained(std::chrono::steady_clock::time_point deadline);

  // ---- rollback.cc; with swapping_ held
  Result<void> return_to_previous(SwapReport& report);
  Result<void> return_kept(LiveVersion& previous, SwapReport& report);
  // Restores what the shard of `from` saves, or what it was given.
  Result<void> bring_back(LiveVersion& from, LiveVersion& to, std::uint32_t shard, SwapReport& report);

  // ---- handover.cc; the gate is closed, and no call runs on the shard
  Result<std::optional<std::vector<std::uint8_t>>> save(LiveVersion& from, std::uint32_t shard);
  Result<void> restore(LiveVersion& to, std::uint32_t shard, std::span<const std::uint8_t> state);
  Result<States> hand_over(LiveVersion& from, LiveVersion& to);
  Result<void> renew(LiveVersion& version, std::uint32_t shard);  // another instance in place of what it has

  // ---- candidate.cc; with swapping_ held
  Result<void> attach_with_state(const std::shared_ptr<Shadow>& shadow,
                                 std::optional<std::vector<std::uint8_t>>& state);
  void attach(std::shared_ptr<Shadow> shadow);
  [[nodiscard]] LiveVersion* canary() const;
  void end_canary();
  std::shared_ptr<Shadow> detach_shadow();

  // ---- deadlines.cc
  // Sees to it that expire() is called while a call is armed (Slot::arm).
  void watch_deadlines();
  void expire_calls();
  bool expire_once();

  [[nodiscard]] LiveVersion* at(Generation generation) const {
    return table_[generation % kMaxLiveVersions].load(std::memory_order_acquire);
  }

  // ---- for Call
  [[nodiscard]] Error busy(const Gate& where) const;
  [[nodiscard]] Error stopped() const;
  void note(const Error& error);
  // Which side of a split the call is on.
  [[nodiscard]] Ticket ticket(std::uint64_t key) {
    const bool by_key = key != 0 && spec_.canary_by == CanaryBy::kKey;
    return by_key ? draw(salt_ ^ key) : spread(draws_.fetch_add(1, std::memory_order_relaxed));
  }

  const WorkloadSpec spec_;
  const ExportsType exports_;
  const WorkloadServices services_;
  const std::uint64_t salt_;            // so that a key's side differs from workload to workload
  telemetry::WorkloadMetrics metrics_;  // those by workload; set by create(), as the next
  telemetry::UpdateMetrics update_metrics_;
  Gate gate_;
  // One for each shard, in front of the gate: a call enters its shard's lane, where one runs at a time, and
  // then the gate, which has a place for each shard. Empty for a single one: the gate alone does it.
  std::vector<std::unique_ptr<Gate>> lanes_;
  // Versions by generation modulo the size. An entry is stored before its generation is published
  // and cleared after the last call of that generation has left.
  std::array<std::atomic<LiveVersion*>, kMaxLiveVersions> table_{};
  std::atomic<bool> shadowing_{false};
  alignas(64) std::atomic<std::uint64_t> draws_{0};

  mutable std::mutex swapping_;     // one swap or stop at a time; taken before mutex_
  Generation last_generation_ = 0;  // with swapping_

  mutable std::mutex mutex_;
  std::condition_variable retired_;
  std::vector<std::unique_ptr<LiveVersion>> live_;
  std::uint32_t going_ = 0;           // versions out of live_ that are being destroyed
  std::optional<Previous> previous_;  // changed with both mutexes held
  std::shared_ptr<Shadow> shadow_;    // likewise
  double share_ = 0;                  // of the canary
  CallCounts retired_calls_{};
  std::optional<SwapReport> last_swap_;
  std::optional<LastError> last_error_;
  std::uint64_t swaps_ok_ = 0;
  std::uint64_t swaps_failed_ = 0;
  bool stopped_ = false;
  std::atomic<bool> watching_{false};  // expire_calls() is due on the timer
};

}  // namespace berth::host
