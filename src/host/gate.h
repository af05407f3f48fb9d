// Gate: admission to one workload: how many calls run, who waits, and on which generation they run.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>

#include "base/error.h"
#include "host/limits.h"

namespace berth::host {

// A generation numbers the versions of one workload in the order they were published.
using Generation = std::uint16_t;

// Admits up to `limit` calls at once; the next `queue_limit` callers wait in order of arrival.
//
// One 64-bit word holds the current generation and the number of calls running on it, so that
// entering is one compare-and-swap which both admits the call and pins its generation. Whenever
// somebody waits, or the gate is closed or stopped, the word is marked and all changes go through
// the mutex: nobody overtakes a waiting caller.
//
// Thread-safe.
class Gate final {
 public:
  // Somebody who waits. admitted() or refused() is called exactly once, by another thread, without
  // any lock of the gate held; it must not block.
  class Waiter {
   public:
    virtual void admitted(Generation generation) noexcept = 0;
    virtual void refused() noexcept = 0;  // the gate was stopped

   protected:
    ~Waiter() = default;

   private:
    friend class Gate;
    Waiter* next_ = nullptr;
    Generation granted_ = 0;
  };

  enum class Entry : std::uint8_t { kEntered, kQueued, kBusy, kStopped };
  enum class Left : std::uint8_t { kCurrent, kPast, kPastLast };

  Gate(std::uint32_t limit, std::uint32_t queue_limit) : limit_(limit), queue_limit_(queue_limit) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // Enters when no one must wait. Never blocks.
  [[nodiscard]] std::optional<Generation> try_enter() {
    std::uint64_t word = word_.load(std::memory_order_acquire);
    while ((word & kSlow) == 0 && running_of(word) < limit_) {
      if (word_.compare_exchange_weak(word, word + 1, std::memory_order_acq_rel, std::memory_order_acquire)) {
        return generation_of(word);
      }
    }
    return std::nullopt;
  }

  // Enters, or puts `waiter` at the end of the queue. `waiter` must stay alive until it is called or
  // removed. With kEntered, *generation is set and waiter is not used.
  [[nodiscard]] Entry enter_or_wait(Waiter& waiter, Generation* generation);

  // Takes a waiter out of the queue. False when it was not there (it has been or is being called).
  bool remove(Waiter& waiter);

  // Ends a call. kPastLast: it was the last one of a generation that is no longer current.
  Left leave(Generation generation) {
    std::uint64_t word = word_.load(std::memory_order_acquire);
    for (;;) {
      if (generation_of(word) != generation) return leave_past(generation);
      if ((word & kSlow) != 0) return leave_slowly(generation);
      if (word_.compare_exchange_weak(word, word - 1, std::memory_order_acq_rel, std::memory_order_acquire)) {
        return Left::kCurrent;
      }
    }
  }

  // Callers wait from now on, whatever runs. open() lets them in again, in order.
  void close();
  void open();
  // Waits until no call runs on the current generation. Only while closed. False at the deadline.
  [[nodiscard]] bool wait_idle(std::chrono::steady_clock::time_point deadline);

  // Makes the next generation current: calls that enter from now on run on it. Returns the past
  // generation and how many calls still run on it. Must not be called while generation
  // current + 1 - kMaxLiveVersions still has calls. Does not open a closed gate.
  struct Past {
    Generation generation;
    std::uint32_t running;
  };
  Past publish();

  // Refuses everybody, now and later. Calls that run may finish.
  void stop();

  [[nodiscard]] Generation generation() const { return generation_of(word_.load(std::memory_order_acquire)); }
  [[nodiscard]] std::uint32_t running() const { return running_of(word_.load(std::memory_order_acquire)); }
  [[nodiscard]] std::uint32_t running_past(Generation generation) const {
    return past_[generation % kMaxLiveVersions].load(std::memory_order_acquire);
  }
  [[nodiscard]] std::uint32_t queued() const { return queued_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t limit() const { return limit_; }
  [[nodiscard]] std::uint32_t queue_limit() const { return queue_limit_; }

 private:
  // Word: bit 63 slow, bits 32..47 generation, bits 0..31 running.
  static constexpr std::uint64_t kSlow = std::uint64_t{1} << 63;
  static constexpr std::uint32_t running_of(std::uint64_t word) { return static_cast<std::uint32_t>(word); }
  static constexpr Generation generation_of(std::uint64_t word) {
    return static_cast<Generation>(word >> 32);
  }

  Left leave_past(Generation generation);
  Left leave_slowly(Generation generation);
  // With the mutex held: marks or unmarks the word.
  void mark();
  void settle();
  // With the mutex held and the word marked: takes those who may enter now off the queue.
  Waiter* admit();
  static void wake(Waiter* admitted);

  const std::uint32_t limit_;
  const std::uint32_t queue_limit_;
  alignas(64) std::atomic<std::uint64_t> word_{0};
  // Calls still running on each past generation; valid after publish() stored it.
  std::array<std::atomic<std::uint32_t>, kMaxLiveVersions> past_{};

  std::mutex mutex_;
  std::condition_variable idle_;
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
  std::atomic<std::uint32_t> queued_{0};  // changed with the mutex held
  bool closed_ = false;
  bool stopped_ = false;
};

}  // namespace berth::host
