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

// A generation numbers the versions of one workload in the order in which they were made ready,
// modulo kGenerations. It is a multiple of kMaxLiveVersions, so that a generation has the same entry
// in every table of that size however often the numbers have gone round.
using Generation = std::uint16_t;
inline constexpr Generation kGenerations = 1024;
static_assert(kGenerations % kMaxLiveVersions == 0);
[[nodiscard]] constexpr Generation next_generation(Generation generation) {
  return static_cast<Generation>((generation + 1) % kGenerations);
}

// A number that decides on which side of a split a call runs: evenly distributed over all 32-bit
// numbers. The same ticket is on the same side for as long as the split lasts.
using Ticket = std::uint32_t;

// What a candidate gets of the calls.
struct Share {
  std::uint64_t below = 0;   // tickets below this number; 2^32: all of them
  std::uint32_t places = 0;  // calls at once; when they are taken, the call runs on the current generation
};

// Admits up to `limit` calls at once; the next `queue_limit` callers wait in order of arrival.
//
// One 64-bit word holds the current generation and the number of calls running on it, so that
// entering is one compare-and-swap which both admits the call and pins its generation. Whenever
// somebody waits, or the gate is closed or stopped, the word is marked and all changes go through
// the mutex: nobody overtakes a waiting caller.
//
// While the gate is split, the word also holds a second generation, the candidate, with its own count.
// Its calls take none of the current generation's places, so a candidate that hangs holds nobody back.
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
    Ticket ticket_ = 0;
    Generation granted_ = 0;
  };

  enum class Entry : std::uint8_t { kEntered, kQueued, kBusy, kStopped };
  enum class Left : std::uint8_t { kCurrent, kPast, kPastLast };

  Gate(std::uint32_t limit, std::uint32_t queue_limit) : limit_(limit), queue_limit_(queue_limit) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // Enters when no one must wait and the gate is not split. Never blocks.
  [[nodiscard]] std::optional<Generation> try_enter() {
    std::uint64_t word = word_.load(std::memory_order_acquire);
    while ((word & (kSlow | kSplit)) == 0 && running_of(word) < limit_) {
      if (word_.compare_exchange_weak(word, word + 1, std::memory_order_acq_rel, std::memory_order_acquire)) {
        return generation_of(word);
      }
    }
    return std::nullopt;
  }
  // Enters when no one must wait, split or not. Never blocks.
  [[nodiscard]] std::optional<Generation> try_enter(Ticket ticket);

  // Enters, or puts `waiter` at the end of the queue. `waiter` must stay alive until it is called or
  // removed. With kEntered, *generation is set and waiter is not used.
  [[nodiscard]] Entry enter_or_wait(Waiter& waiter, Ticket ticket, Generation* generation);

  // Takes a waiter out of the queue. False when it was not there (it has been or is being called).
  bool remove(Waiter& waiter);

  // Ends a call. kPastLast: it was the last one of a generation that is no longer current.
  Left leave(Generation generation) {
    std::uint64_t word = word_.load(std::memory_order_acquire);
    for (;;) {
      if (generation_of(word) != generation) return leave_other(generation);
      if ((word & kSlow) != 0) return leave_slowly(generation);
      if (word_.compare_exchange_weak(word, word - 1, std::memory_order_acq_rel, std::memory_order_acquire)) {
        return Left::kCurrent;
      }
    }
  }

  // Callers wait from now on, whatever runs. open() lets them in again, in order.
  void close();
  void open();
  // Waits until no call runs on the current generation. Only while closed or stopped, and not split.
  // False at the deadline.
  [[nodiscard]] bool wait_idle(std::chrono::steady_clock::time_point deadline);

  // Each of the following returns the generation that takes no more calls, and how many still run on
  // it. The entry of that generation modulo kMaxLiveVersions must have no other calls.
  struct Past {
    Generation generation;
    std::uint32_t running;
  };
  // Makes `next` current: calls that enter from now on run on it. Does not open a closed gate. Only
  // while the gate is not split.
  Past publish(Generation next);
  // From now on some calls run on `candidate`. Only while the gate is neither split nor closed.
  void split(Generation candidate, Share share);
  // The candidate becomes current. Only while the gate is split.
  Past promote();
  // No call enters the candidate any more. Only while the gate is split.
  Past unsplit();

  // Refuses everybody, now and later. Calls that run may finish.
  void stop();

  [[nodiscard]] Generation generation() const { return generation_of(word_.load(std::memory_order_acquire)); }
  [[nodiscard]] std::uint32_t running() const { return running_of(word_.load(std::memory_order_acquire)); }
  // All at one moment.
  struct Counts {
    Generation current;
    std::uint32_t running;
    std::optional<Generation> candidate;  // while the gate is split
    std::uint32_t on_candidate;
  };
  [[nodiscard]] Counts counts() const {
    const std::uint64_t word = word_.load(std::memory_order_acquire);
    return {generation_of(word), running_of(word),
            is_split(word) ? std::optional(candidate_of(word)) : std::nullopt, on_candidate_of(word)};
  }
  [[nodiscard]] std::uint32_t running_past(Generation generation) const {
    return past_[generation % kMaxLiveVersions].load(std::memory_order_acquire);
  }
  [[nodiscard]] std::uint32_t queued() const { return queued_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t limit() const { return limit_; }
  [[nodiscard]] std::uint32_t queue_limit() const { return queue_limit_; }

 private:
  // Word: bit 63 slow, bit 62 split, bits 50..59 candidate, 40..49 current generation, 20..39 calls
  // running on the candidate, 0..19 calls running on the current generation.
  static constexpr std::uint64_t kSlow = std::uint64_t{1} << 63;
  static constexpr std::uint64_t kSplit = std::uint64_t{1} << 62;
  static constexpr int kCandidateAt = 50, kGenerationAt = 40, kOnCandidateAt = 20;
  static constexpr std::uint64_t kOneOnCandidate = std::uint64_t{1} << kOnCandidateAt;
  static constexpr std::uint64_t kCountMask = kOneOnCandidate - 1;
  static_assert(kMaxConcurrentCalls <= kCountMask && kGenerations <= 1 << (kCandidateAt - kGenerationAt));
  static constexpr std::uint32_t running_of(std::uint64_t word) {
    return static_cast<std::uint32_t>(word & kCountMask);
  }
  static constexpr std::uint32_t on_candidate_of(std::uint64_t word) {
    return static_cast<std::uint32_t>(word >> kOnCandidateAt & kCountMask);
  }
  static constexpr Generation generation_of(std::uint64_t word) {
    return static_cast<Generation>(word >> kGenerationAt & (kGenerations - 1));
  }
  static constexpr Generation candidate_of(std::uint64_t word) {
    return static_cast<Generation>(word >> kCandidateAt & (kGenerations - 1));
  }
  static constexpr bool is_split(std::uint64_t word) { return (word & kSplit) != 0; }
  static constexpr std::uint64_t word_of(Generation generation, std::uint32_t running) {
    return std::uint64_t{generation} << kGenerationAt | running;
  }

  // What one more call with this ticket adds to the word; 0 when there is no place for it.
  [[nodiscard]] std::uint64_t place(std::uint64_t word, Ticket ticket) const;
  static constexpr Generation entered_by(std::uint64_t word, std::uint64_t place) {
    return place == kOneOnCandidate ? candidate_of(word) : generation_of(word);
  }
  Left leave_other(Generation generation);
  Left leave_past(Generation generation);
  Left leave_slowly(Generation generation);
  // With the mutex held: marks or unmarks the word.
  void mark();
  void settle();
  // With the mutex held and the word marked: takes those who may enter now off the queue.
  Waiter* admit();
  static void wake(Waiter* admitted);
  // With the mutex held: the generation has `running` calls that will leave it as a past one.
  Past retire(Generation generation, std::uint32_t running);
  // With the mutex held and the word marked, stores `word` in its place, marked as well.
  Waiter* replace_word(std::uint64_t word);

  const std::uint32_t limit_;
  const std::uint32_t queue_limit_;
  alignas(64) std::atomic<std::uint64_t> word_{0};
  // The split; stored before the word says so.
  std::atomic<std::uint64_t> share_below_{0};
  std::atomic<std::uint32_t> share_places_{0};
  // Calls still running on each past generation; valid once it was retired.
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
