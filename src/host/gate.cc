// Gate: the paths that take the mutex.
#include "host/gate.h"

namespace berth::host {

void Gate::mark() { word_.fetch_or(kSlow, std::memory_order_acq_rel); }

void Gate::settle() {
  if (!closed_ && !stopped_ && first_ == nullptr) {
    word_.fetch_and(~kSlow, std::memory_order_acq_rel);
  }
}

Gate::Waiter* Gate::admit() {
  if (closed_ || stopped_) return nullptr;
  Waiter* admitted = first_;
  Waiter* end = nullptr;
  std::uint64_t word = word_.load(std::memory_order_acquire);
  while (first_ != nullptr && running_of(word) < limit_) {
    word = word_.fetch_add(1, std::memory_order_acq_rel) + 1;
    end = first_;
    end->granted_ = generation_of(word);
    first_ = first_->next_;
    queued_.fetch_sub(1, std::memory_order_relaxed);
  }
  if (end == nullptr) return nullptr;
  end->next_ = nullptr;
  if (first_ == nullptr) last_ = nullptr;
  return admitted;
}

void Gate::wake(Waiter* admitted) {
  while (admitted != nullptr) {
    Waiter* next = admitted->next_;  // the waiter may be gone once it was called
    admitted->admitted(admitted->granted_);
    admitted = next;
  }
}

Gate::Entry Gate::enter_or_wait(Waiter& waiter, Generation* generation) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return Entry::kStopped;
  mark();
  const std::uint64_t word = word_.load(std::memory_order_acquire);
  if (!closed_ && first_ == nullptr && running_of(word) < limit_) {
    word_.fetch_add(1, std::memory_order_acq_rel);
    *generation = generation_of(word);
    settle();
    return Entry::kEntered;
  }
  if (queued_.load(std::memory_order_relaxed) >= queue_limit_) {
    settle();
    return Entry::kBusy;
  }
  waiter.next_ = nullptr;
  (last_ != nullptr ? last_->next_ : first_) = &waiter;
  last_ = &waiter;
  queued_.fetch_add(1, std::memory_order_relaxed);
  return Entry::kQueued;
}

bool Gate::remove(Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  Waiter* before = nullptr;
  for (Waiter* at = first_; at != nullptr; before = at, at = at->next_) {
    if (at != &waiter) continue;
    (before != nullptr ? before->next_ : first_) = at->next_;
    if (last_ == at) last_ = before;
    queued_.fetch_sub(1, std::memory_order_relaxed);
    settle();
    return true;
  }
  return false;
}

Gate::Left Gate::leave_past(Generation generation) {
  const bool last = past_[generation % kMaxLiveVersions].fetch_sub(1, std::memory_order_acq_rel) == 1;
  return last ? Left::kPastLast : Left::kPast;
}

Gate::Left Gate::leave_slowly(Generation generation) {
  Waiter* admitted = nullptr;
  {
    const std::lock_guard lock(mutex_);
    mark();  // nobody else changes the count until settle()
    std::uint64_t word = word_.load(std::memory_order_acquire);
    if (generation_of(word) != generation) {
      settle();
      return leave_past(generation);
    }
    word = word_.fetch_sub(1, std::memory_order_acq_rel) - 1;
    admitted = admit();
    if (running_of(word) == 0 && (closed_ || stopped_)) idle_.notify_all();
    settle();
  }
  wake(admitted);
  return Left::kCurrent;
}

void Gate::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  mark();
}

void Gate::open() {
  Waiter* admitted = nullptr;
  {
    const std::lock_guard lock(mutex_);
    closed_ = false;
    mark();
    admitted = admit();
    settle();
  }
  wake(admitted);
}

bool Gate::wait_idle(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  return idle_.wait_until(lock, deadline, [this] { return running() == 0; });
}

Gate::Past Gate::publish() {
  Waiter* admitted = nullptr;
  Past past{};
  {
    const std::lock_guard lock(mutex_);
    mark();
    const std::uint64_t word = word_.load(std::memory_order_acquire);
    past = {generation_of(word), running_of(word)};
    past_[past.generation % kMaxLiveVersions].store(past.running, std::memory_order_release);
    const auto next = static_cast<Generation>(past.generation + 1);
    word_.store(kSlow | (std::uint64_t{next} << 32), std::memory_order_release);
    admitted = admit();
    settle();
  }
  wake(admitted);
  return past;
}

void Gate::stop() {
  Waiter* refused = nullptr;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    mark();
    refused = std::exchange(first_, nullptr);
    last_ = nullptr;
    queued_.store(0, std::memory_order_relaxed);
  }
  while (refused != nullptr) {
    Waiter* next = refused->next_;
    refused->refused();
    refused = next;
  }
}

}  // namespace berth::host
