// Gate: the paths that take the mutex.
#include "host/gate.h"

#include <algorithm>

namespace berth::host {

void Gate::mark() { word_.fetch_or(kSlow, std::memory_order_acq_rel); }

void Gate::settle() {
  if (!closed_ && !stopped_ && first_ == nullptr) {
    word_.fetch_and(~kSlow, std::memory_order_acq_rel);
  }
}

std::uint64_t Gate::place(std::uint64_t word, Ticket ticket) const {
  if (is_split(word) && ticket < share_below_.load(std::memory_order_relaxed) &&
      on_candidate_of(word) < share_places_.load(std::memory_order_relaxed)) {
    return kOneOnCandidate;
  }
  return running_of(word) < limit_ ? 1 : 0;
}

std::optional<Generation> Gate::try_enter(Ticket ticket) {
  std::uint64_t word = word_.load(std::memory_order_acquire);
  while ((word & kSlow) == 0) {
    const std::uint64_t one = place(word, ticket);
    if (one == 0) break;
    if (word_.compare_exchange_weak(word, word + one, std::memory_order_acq_rel, std::memory_order_acquire)) {
      return entered_by(word, one);
    }
  }
  return std::nullopt;
}

Gate::Waiter* Gate::admit() {
  if (closed_ || stopped_) return nullptr;
  Waiter* admitted = first_;
  Waiter* end = nullptr;
  std::uint64_t word = word_.load(std::memory_order_acquire);
  while (first_ != nullptr) {
    const std::uint64_t one = place(word, first_->ticket_);
    if (one == 0) break;
    word = word_.fetch_add(one, std::memory_order_acq_rel) + one;
    end = first_;
    end->granted_ = entered_by(word, one);
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

Gate::Entry Gate::enter_or_wait(Waiter& waiter, Ticket ticket, Generation* generation) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return Entry::kStopped;
  mark();
  const std::uint64_t word = word_.load(std::memory_order_acquire);
  const std::uint64_t one = closed_ || first_ != nullptr ? 0 : place(word, ticket);
  if (one != 0) {
    word_.fetch_add(one, std::memory_order_acq_rel);
    *generation = entered_by(word, one);
    settle();
    return Entry::kEntered;
  }
  if (queued_.load(std::memory_order_relaxed) >= queue_limit_) {
    settle();
    return Entry::kBusy;
  }
  waiter.next_ = nullptr;
  waiter.ticket_ = ticket;
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

// The call entered a generation that was not current when it left.
Gate::Left Gate::leave_other(Generation generation) {
  std::uint64_t word = word_.load(std::memory_order_acquire);
  for (;;) {
    if (generation_of(word) == generation) return leave(generation);  // promoted meanwhile
    if (!is_split(word) || candidate_of(word) != generation) return leave_past(generation);
    if ((word & kSlow) != 0) return leave_slowly(generation);
    if (word_.compare_exchange_weak(word, word - kOneOnCandidate, std::memory_order_acq_rel,
                                    std::memory_order_acquire)) {
      return Left::kCurrent;
    }
  }
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
    const bool current = generation_of(word) == generation;
    if (!current && !(is_split(word) && candidate_of(word) == generation)) {
      settle();
      return leave_past(generation);
    }
    word = word_.fetch_sub(current ? 1 : kOneOnCandidate, std::memory_order_acq_rel) - (current ? 1 : 0);
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

Gate::Past Gate::retire(Generation generation, std::uint32_t running) {
  past_[generation % kMaxLiveVersions].store(running, std::memory_order_release);
  return {generation, running};
}

Gate::Waiter* Gate::replace_word(std::uint64_t word) {
  word_.store(kSlow | word, std::memory_order_release);
  Waiter* admitted = admit();
  settle();
  return admitted;
}

Gate::Past Gate::publish(Generation next) {
  Waiter* admitted = nullptr;
  Past past{};
  {
    const std::lock_guard lock(mutex_);
    mark();
    const std::uint64_t word = word_.load(std::memory_order_acquire);
    past = retire(generation_of(word), running_of(word));
    admitted = replace_word(word_of(next, 0));
  }
  wake(admitted);
  return past;
}

void Gate::split(Generation candidate, Share share) {
  Waiter* admitted = nullptr;
  {
    const std::lock_guard lock(mutex_);
    mark();
    const std::uint64_t word = word_.load(std::memory_order_acquire);
    share_below_.store(share.below, std::memory_order_relaxed);
    share_places_.store(std::min(share.places, limit_), std::memory_order_relaxed);
    admitted = replace_word(kSplit | std::uint64_t{candidate} << kCandidateAt |
                            word_of(generation_of(word), running_of(word)));
  }
  wake(admitted);
}

Gate::Past Gate::promote() {
  Waiter* admitted = nullptr;
  Past past{};
  {
    const std::lock_guard lock(mutex_);
    mark();
    const std::uint64_t word = word_.load(std::memory_order_acquire);
    past = retire(generation_of(word), running_of(word));
    admitted = replace_word(word_of(candidate_of(word), on_candidate_of(word)));
  }
  wake(admitted);
  return past;
}

Gate::Past Gate::unsplit() {
  Waiter* admitted = nullptr;
  Past past{};
  {
    const std::lock_guard lock(mutex_);
    mark();
    const std::uint64_t word = word_.load(std::memory_order_acquire);
    past = retire(candidate_of(word), on_candidate_of(word));
    admitted = replace_word(word_of(generation_of(word), running_of(word)));
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
