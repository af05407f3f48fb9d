// Workload: a named component that serves calls and can be swapped while it does.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/executor.h"
#include "host/gate.h"
#include "host/live_version.h"
#include "host/spec.h"
#include "host/status.h"
#include "host/timer.h"
#include "host/version.h"
#include "telemetry/metrics.h"

namespace berth::host {

// What a workload needs from its Host. References outlive the workload's last call.
struct WorkloadServices {
  Executor& executor;  // resumes callers that waited
  telemetry::Metrics& metrics;
  std::shared_ptr<Timer> timer;
};

// Calls go through Typed<Exports> (host/call.h); this class decides which version and which instance
// serve them, and replaces versions.
//
// Thread-safe. Held by shared_ptr: a call in flight keeps its workload alive.
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

  // Publishes `version` in place of the current one. Calls in flight finish on the version they
  // began with; it drains until spec().drain, then they are cancelled. Returns when calls go to the
  // new version, not when the old one is drained.
  //
  // With the policy `one` callers are held back in the queue until the running call has ended, so
  // that calls stay in order; with a hand-over the state moves meanwhile. Fresh and pooled
  // instances have no state of their own, so nothing is handed over and nobody is held back.
  //
  // On any failure the old version serves as before and the attempt is kept in status().last_swap.
  // A trap or a passed deadline in `save` costs the old instance, as everywhere: the old version
  // then serves from a new one, without the state, and the message says so.
  //
  // Blocks; one swap of a workload at a time, others wait. Never on a thread of the executor.
  //  kFailedPrecondition: the old version hands over its state and the new one cannot take it.
  //  kInvalidArgument: other exports than the workload's callers use.
  //  kDeadlineExceeded: the running call, `save` or `restore` took too long.
  //  kUnavailable: the workload was stopped.
  [[nodiscard]] Result<SwapReport> swap(std::shared_ptr<const Version> version);

  // Publishes the same component in better code, which `version` is. Not a swap that anybody asked for, so
  // it is not counted as one, and it takes nothing from the guest: the only instance of the policy `one`
  // is replaced when its state can be handed over, and otherwise kept until the next swap or start.
  //
  // Blocks like a swap, and fails like one; the running code then serves on.
  enum class Improved : std::uint8_t {
    kDone,
    kKept,      // the instance keeps state and cannot hand it over
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

 private:
  friend class Call;

  Workload(WorkloadSpec spec, ExportsType exports, std::uint32_t slots, const WorkloadServices& services);

  // ---- swap.cc
  // A version ready to publish: probed, with a warm instance.
  Result<std::unique_ptr<LiveVersion>> prepare(std::shared_ptr<const Version> version);
  Result<void> try_swap(std::shared_ptr<const Version> version, SwapReport& report);
  Result<void> swap_one(LiveVersion& next, SwapReport& report);
  Result<std::size_t> hand_over(LiveVersion& from, LiveVersion& to);
  // Enters a version into the table as the next generation; waits while that entry is in use.
  Result<LiveVersion*> enlist(std::unique_ptr<LiveVersion> live);
  void delist(Generation generation);
  void publish(SwapReport& report);
  void retire_soon(Generation generation);
  void cancel(Generation generation);
  // Sees to it that expire() is called while a call is armed (Slot::arm).
  void watch_deadlines();
  void expire_calls();
  bool expire_once();
  bool wait_drained(std::chrono::steady_clock::time_point deadline);
  [[nodiscard]] LiveVersion* at(Generation generation) const {
    return table_[generation % kMaxLiveVersions].load(std::memory_order_acquire);
  }

  // ---- for Call
  [[nodiscard]] Error busy() const;
  [[nodiscard]] Error stopped() const;
  void note(const Error& error);

  const WorkloadSpec spec_;
  const ExportsType exports_;
  const WorkloadServices services_;
  telemetry::WorkloadMetrics metrics_;  // those by workload; set by create()
  Gate gate_;
  // Versions by generation modulo the size. An entry is stored before its generation is published
  // and cleared after the last call of that generation has left.
  std::array<std::atomic<LiveVersion*>, kMaxLiveVersions> table_{};

  std::mutex swapping_;  // one swap or stop at a time; taken before mutex_
  mutable std::mutex mutex_;
  std::condition_variable retired_;
  std::vector<std::unique_ptr<LiveVersion>> live_;  // the last one is current or about to be
  CallCounts retired_calls_{};
  std::optional<SwapReport> last_swap_;
  std::optional<LastError> last_error_;
  std::uint64_t swaps_ok_ = 0;
  std::uint64_t swaps_failed_ = 0;
  bool stopped_ = false;
  std::atomic<bool> watching_{false};  // expire_calls() is due on the timer
};

}  // namespace berth::host
