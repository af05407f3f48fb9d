// Shadow: another version that repeats a workload's calls, so that its answers can be compared.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/task.h"
#include "host/limits.h"
#include "host/observed.h"
#include "host/spec.h"
#include "host/status.h"
#include "host/version.h"
#include "telemetry/update_metrics.h"

namespace berth::host {

using telemetry::ShadowAnswer;

// Runs on one thread of its own, one call after the other, behind the calls that it repeats: it holds
// none of them back. When it is too far behind, calls are skipped; with the policy `one`, whose state
// needs every call, it is then out of step and compares no more.
//
// Nothing here keeps the version from reaching outside: the Version must be one whose instances
// cannot (Grant::shadow).
//
// Thread-safe.
class Shadow final {
 public:
  struct Options {
    std::string workload;  // for messages
    InstancePolicy::Kind kind = InstancePolicy::Kind::kFresh;
    Deadline deadline{0};  // of each call
    double share = 1;      // of the calls; all of them with the policy `one`
    telemetry::UpdateMetrics metrics;
  };
  // Calls the shadow's exports and says how the answer compares. Called once.
  using Job = std::move_only_function<Task<ShadowAnswer>(void* exports)>;

  // Instantiates `version`. Calls offered before begin() wait. Blocks.
  [[nodiscard]] static Result<std::shared_ptr<Shadow>> create(std::shared_ptr<const Version> version,
                                                              Options options);
  // Restores `state`, if there is one, and begins to repeat calls. Once. Blocks.
  Result<void> begin(const std::optional<std::vector<std::uint8_t>>& state);
  // Ends a call that runs, drops those that wait, and blocks until its thread has ended. Calls offered
  // from now on are dropped.
  void stop();
  ~Shadow() { stop(); }
  Shadow(const Shadow&) = delete;
  Shadow& operator=(const Shadow&) = delete;

  [[nodiscard]] const std::string& digest() const { return version_->about().digest; }

  // By a call that was answered, before it leaves the gate. make() -> Job is called if this call is
  // one that is repeated; `bytes`: about what the job holds.
  template <class Make>
  void offer(std::size_t bytes, Make&& make) {
    if (claim(bytes)) push(bytes, std::forward<Make>(make)());
  }
  // The version that serves has lost its state: nothing can be compared any more where state counts.
  void lost_step(std::string why);

  [[nodiscard]] ShadowStatus status() const;
  // Answers that were equal or different count as ok.
  [[nodiscard]] Observed observed() const;

 private:
  struct Waiting {
    std::size_t bytes;
    Job job;
  };

  Shadow(std::shared_ptr<const Version> version, Options options);
  bool claim(std::size_t bytes);
  void push(std::size_t bytes, Job job);
  void run(const std::stop_token& stop);
  ShadowAnswer repeat(Job job);
  void count(ShadowAnswer answer);
  [[nodiscard]] bool stateful() const { return options_.kind == InstancePolicy::Kind::kKept; }

  const std::shared_ptr<const Version> version_;
  const Options options_;
  const WallTime since_ = std::chrono::system_clock::now();
  const std::uint64_t below_;  // draws below this are repeated, of 2^32
  std::atomic<std::uint64_t> draws_{0};
  std::array<std::atomic<std::uint64_t>, telemetry::kShadowAnswers> answers_{};
  telemetry::Histogram times_;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::string out_of_step_;
  bool stopped_ = false;
  std::mutex guest_mutex_;  // guest_ against stop(); otherwise the thread's own
  std::unique_ptr<Guest> guest_;
  std::jthread thread_;
};

// About the bytes that a copy of an answer takes. Overload it, in the namespace of the type, for
// structs that hold much more than themselves.
template <class T>
std::size_t shadow_bytes(const T&) {
  return sizeof(T);
}
inline std::size_t shadow_bytes(const std::string& text) { return sizeof text + text.size(); }
template <class T>
std::size_t shadow_bytes(const std::vector<T>& list);
template <class T>
std::size_t shadow_bytes(const std::optional<T>& value) {
  return sizeof value + (value ? shadow_bytes(*value) : 0);
}
template <class T, class E>
std::size_t shadow_bytes(const std::expected<T, E>& value) {
  if constexpr (std::is_void_v<T>) {
    return sizeof value;
  } else {
    return sizeof value + (value ? shadow_bytes(*value) : 0);
  }
}
template <class T>
std::size_t shadow_bytes(const std::vector<T>& list) {
  if constexpr (std::is_trivially_copyable_v<T>) return sizeof list + list.size() * sizeof(T);
  std::size_t bytes = sizeof list;
  for (const T& item : list) bytes += shadow_bytes(item);
  return bytes;
}

// `given` by the version that serves, `repeated` by the shadow. Errors are equal when their codes are.
template <class T>
[[nodiscard]] ShadowAnswer compare_answers(const Result<T>& given, const Result<T>& repeated) {
  if (!given && !repeated) {
    return given.error().code() == repeated.error().code() ? ShadowAnswer::kEqual : ShadowAnswer::kDifferent;
  }
  if (!repeated) return ShadowAnswer::kFailed;
  if (!given) return ShadowAnswer::kDifferent;
  if constexpr (std::is_void_v<T>) {
    return ShadowAnswer::kEqual;
  } else {
    return *given == *repeated ? ShadowAnswer::kEqual : ShadowAnswer::kDifferent;
  }
}

}  // namespace berth::host
