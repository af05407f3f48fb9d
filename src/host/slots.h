// Slots: the places where the instances of one live version stand, one for each call at once.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <vector>

#include "host/version.h"

namespace berth::host {

// A place for one instance. Whoever took the slot is the only one that uses its guest, except that
// cancel() may be called by anybody.
class Slot final {
 public:
  // The instance, or null. By the one who took the slot.
  [[nodiscard]] Guest* guest() const { return guest_.get(); }
  void put(std::unique_ptr<Guest> guest) {
    const std::lock_guard lock(mutex_);
    guest_ = std::move(guest);
    starting_ = nullptr;
  }
  // A guest is on its way; `canceller` stops it. Until put() or disarm().
  void start(Version::Canceller canceller) {
    const std::lock_guard lock(mutex_);
    starting_ = std::move(canceller);
  }
  [[nodiscard]] std::unique_ptr<Guest> take() {
    const std::lock_guard lock(mutex_);
    return std::move(guest_);
  }
  // Any thread.
  void cancel() {
    const std::lock_guard lock(mutex_);
    end(Guest::Cancel::kDrain);
  }
  // By the one who took the slot: when the call that begins now is to be ended by expire().
  void arm(std::chrono::steady_clock::time_point expiry) {
    const std::lock_guard lock(mutex_);
    // Sequentially consistent, against Workload::watch_deadlines: either it is seen there or here.
    expiry_.store(expiry.time_since_epoch().count());
  }
  void disarm() {
    const std::lock_guard lock(mutex_);
    expiry_.store(kNever);
    starting_ = nullptr;
  }
  // Ends the call if its time is over. True when a call is armed. Any thread.
  bool expire(std::chrono::steady_clock::time_point now) {
    const auto time = now.time_since_epoch().count();
    const std::int64_t expiry = expiry_.load();
    if (expiry > time) return expiry != kNever;
    const std::lock_guard lock(mutex_);
    if (expiry_.load() > time) return true;  // another call by now
    expiry_.store(kNever);
    end(Guest::Cancel::kDeadline);
    return false;
  }

  // Memory of the instance after its last call; zero when there is none. Any thread.
  std::atomic<std::uint64_t> memory_bytes{0};
  // True until the first instance here went, and with it what that instance knew.
  std::atomic<bool> intact{true};
  // A call of a shard is on it; kept for those only.
  std::atomic<bool> in_use{false};

 private:
  friend class Slots;
  // With the mutex held.
  void end(Guest::Cancel why) {
    if (guest_ != nullptr) guest_->cancel(why);
    if (starting_) starting_(why);
  }

  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  std::mutex mutex_;  // all below, against cancel() and expire()
  std::atomic<std::int64_t> expiry_{kNever};
  std::unique_ptr<Guest> guest_;
  Version::Canceller starting_;
  std::atomic<std::uint32_t> next_{0};
};

// A lock-free stack of free slots: the slot used last is taken first, so a small load keeps few
// instances warm. The head carries a count of changes, so that a slot which left and came back
// between a load and an exchange is noticed.
// Thread-safe.
class Slots final {
 public:
  explicit Slots(std::uint32_t size) : slots_(size) {
    for (std::uint32_t i = 0; i < size; ++i) slots_[i].next_.store(i + 1, std::memory_order_relaxed);
  }

  // Precondition: fewer slots are out than there are; admission sees to it.
  [[nodiscard]] Slot& take() {
    std::uint64_t head = head_.load(std::memory_order_acquire);
    for (;;) {
      Slot& slot = slots_[index_of(head)];
      const std::uint64_t next = changed(head, slot.next_.load(std::memory_order_relaxed));
      if (head_.compare_exchange_weak(head, next, std::memory_order_acq_rel, std::memory_order_acquire)) {
        return slot;
      }
    }
  }
  void give_back(Slot& slot) {
    const auto index = static_cast<std::uint32_t>(&slot - slots_.data());
    std::uint64_t head = head_.load(std::memory_order_acquire);
    do {
      slot.next_.store(index_of(head), std::memory_order_relaxed);
    } while (!head_.compare_exchange_weak(head, changed(head, index), std::memory_order_acq_rel,
                                          std::memory_order_acquire));
  }

  [[nodiscard]] std::vector<Slot>& all() { return slots_; }

 private:
  // Head: changes in the upper half, index of the first free slot in the lower.
  static constexpr std::uint32_t index_of(std::uint64_t head) { return static_cast<std::uint32_t>(head); }
  static constexpr std::uint64_t changed(std::uint64_t head, std::uint32_t index) {
    return ((head >> 32) + 1) << 32 | index;
  }

  std::vector<Slot> slots_;
  alignas(64) std::atomic<std::uint64_t> head_{0};
};

}  // namespace berth::host
