// Call: entering, getting an instance, leaving.
#include "host/call.h"

#include <fmt/format.h>

#include <utility>

namespace berth::host {
namespace {

using SteadyClock = std::chrono::steady_clock;

// A thread that waits for its turn.
class ThreadWaiter final : public Gate::Waiter {
 public:
  // Counted in `length` meanwhile. Null when the gate was stopped.
  std::optional<Generation> wait(telemetry::Gauge& length) {
    length.add(1);
    std::unique_lock lock(mutex_);
    called_.wait(lock, [this] { return done_; });
    length.add(-1);
    return generation_;
  }

 private:
  void admitted(Generation generation) noexcept override { done(generation); }
  void refused() noexcept override { done(std::nullopt); }
  void done(std::optional<Generation> generation) {
    // Notified with the lock held: this object is gone as soon as the waiting thread has it.
    const std::lock_guard lock(mutex_);
    generation_ = generation;
    done_ = true;
    called_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable called_;
  bool done_ = false;
  std::optional<Generation> generation_;
};

}  // namespace

Call::Call(Workload& workload, const CallOptions& options)
    : workload_(workload), options_(options), asked_(SteadyClock::now()) {}

Call::~Call() {
  // Abandoned by its caller: what the instance was doing is unknown.
  if (live_ != nullptr) leave(Outcome::kHostError, true);
  leave_lane();
}

void Call::leave_lane() {
  if (lane_ == nullptr) return;
  (void)std::exchange(lane_, nullptr)->leave(0);
}

Deadline Call::deadline() const {
  const Deadline own = workload_.spec_.limits.call;
  if (options_.deadline.count() <= 0) return own;
  return own.count() == 0 ? options_.deadline : std::min(own, options_.deadline);
}

Gate::Entry Call::enter_lane(Gate& lane) {
  Gate::Entry entry = Gate::Entry::kEntered;
  if (!lane.try_enter()) {
    ThreadWaiter waiter;
    Generation ignored = 0;
    entry = lane.enter_or_wait(waiter, 0, &ignored);
    if (entry == Gate::Entry::kQueued && !waiter.wait(*workload_.metrics_.queue_length))
      entry = Gate::Entry::kStopped;
  }
  if (entry == Gate::Entry::kEntered || entry == Gate::Entry::kQueued) lane_ = &lane;
  return entry;
}

// There is a candidate, or the call has to wait.
Gate::Entry Call::enter_slowly() {
  const Ticket ticket = workload_.ticket(options_.key);
  if (const auto generation = workload_.gate_.try_enter(ticket)) {
    generation_ = *generation;
    return Gate::Entry::kEntered;
  }
  ThreadWaiter waiter;
  const Gate::Entry entry = workload_.gate_.enter_or_wait(waiter, ticket, &generation_);
  if (entry != Gate::Entry::kQueued) return entry;
  const auto granted = waiter.wait(*workload_.metrics_.queue_length);
  if (!granted) return Gate::Entry::kStopped;
  generation_ = *granted;
  return entry;
}

Result<void> Call::enter() {
  Gate::Entry entry = Gate::Entry::kEntered;
  if (Gate* const lane = this->lane(); lane != nullptr) [[unlikely]]
    entry = enter_lane(*lane);
  if (entry == Gate::Entry::kEntered || entry == Gate::Entry::kQueued) [[likely]] {
    if (const auto generation = workload_.gate_.try_enter()) [[likely]] {
      generation_ = *generation;
    } else if (const Gate::Entry at_gate = enter_slowly(); at_gate != Gate::Entry::kEntered) {
      entry = at_gate;
    }
  }
  if (auto ok = entered(entry); !ok) [[unlikely]]
    return ok;
  if (fibre()) [[unlikely]] {
    // A call that this version failed, where the one before may have served it.
    leave(Outcome::kHostError, false);
    return fail(Code::kFailedPrecondition,
                fmt::format("workload {}: this version waits in host functions, so it cannot be called on a "
                            "blocked thread; use call_async",
                            workload_.spec_.name));
  }
  return {};
}

bool Call::Turn::await_ready() {
  if (Gate* const lane = call_.lane(); lane != nullptr) [[unlikely]] {
    if (!lane->try_enter()) return false;
    call_.lane_ = lane;
  }
  auto generation = call_.workload_.gate_.try_enter();
  if (!generation) [[unlikely]] {
    ticket_ = call_.workload_.ticket(call_.options_.key);
    generation = call_.workload_.gate_.try_enter(ticket_);
  }
  if (generation) call_.generation_ = *generation;
  return generation.has_value();
}

bool Call::Turn::await_suspend(std::coroutine_handle<> handle) {
  handle_ = handle;
  entry_ = Gate::Entry::kQueued;
  Workload& workload = call_.workload_;
  workload.metrics_.queue_length->add(1);
  Generation generation = 0;
  Gate::Entry entry = Gate::Entry::kEntered;
  // Once queued, this frame may run on another thread before enter_or_wait returns: nothing of it is
  // touched any more.
  if (Gate* const lane = call_.lane(); lane != call_.lane_) {
    entry = lane->enter_or_wait(*this, 0, &generation);
    if (entry == Gate::Entry::kQueued) return true;
    if (entry == Gate::Entry::kEntered) call_.lane_ = lane;
  }
  if (entry == Gate::Entry::kEntered) {
    entry = workload.gate_.enter_or_wait(*this, ticket_, &generation);
    if (entry == Gate::Entry::kQueued) return true;
  }
  workload.metrics_.queue_length->add(-1);
  entry_ = entry;
  call_.generation_ = generation;
  return false;
}

Result<void> Call::Turn::await_resume() {
  handle_ = nullptr;
  return call_.entered(entry_);
}

Call::Turn::~Turn() {
  if (handle_ == nullptr) return;
  // The caller's frame is destroyed while it waits.
  Gate& where = call_.lane() == call_.lane_ ? call_.workload_.gate_ : *call_.lane();
  if (where.remove(*this)) call_.workload_.metrics_.queue_length->add(-1);
}

void Call::Turn::admitted(Generation generation) noexcept {
  if (Gate* const lane = call_.lane(); lane != call_.lane_) {
    call_.lane_ = lane;
    // The gate has a place for each lane, unless it is closed.
    const Gate::Entry entry = call_.workload_.gate_.enter_or_wait(*this, ticket_, &generation);
    if (entry == Gate::Entry::kQueued) return;
    if (entry != Gate::Entry::kEntered) entry_ = entry;
  }
  call_.generation_ = generation;
  resume();
}

void Call::Turn::refused() noexcept {
  entry_ = Gate::Entry::kStopped;
  resume();
}

void Call::Turn::resume() {
  Workload& workload = call_.workload_;
  workload.metrics_.queue_length->add(-1);
  Executor* own = call_.options_.executor;
  (own != nullptr ? *own : workload.services_.executor).post([handle = handle_] { handle.resume(); });
}

Result<void> Call::entered(Gate::Entry entry) {
  if (entry == Gate::Entry::kBusy) {
    workload_.metrics_.busy->add();
    const Gate* const lane = this->lane();
    return fail(workload_.busy(lane == nullptr ? workload_.gate_ : *lane));
  }
  if (entry == Gate::Entry::kStopped) return fail(workload_.stopped());
  live_ = workload_.at(generation_);
  if (lane_ == nullptr) [[likely]] {
    slot_ = &live_->slots().take();
  } else {
    slot_ = &live_->shard(options_.shard);
    slot_->in_use.store(true, std::memory_order_release);
  }
  if (entry == Gate::Entry::kEntered) [[likely]]
    return {};

  const Deadline limit = deadline();
  const Deadline waited = SteadyClock::now() - asked_;
  if (limit.count() == 0 || waited <= limit) return {};
  // Whoever asked has given up; running it would only make the next ones late as well.
  workload_.metrics_.busy->add();
  leave(std::nullopt, false);
  return fail(
      Code::kDeadlineExceeded,
      fmt::format("workload {}: the call waited {} ms for its turn, longer than its deadline of {} ms",
                  workload_.spec_.name, waited / std::chrono::milliseconds(1),
                  limit / std::chrono::milliseconds(1)));
}

Result<void> Call::attach() {
  if (slot_->guest() == nullptr) [[unlikely]] {
    if (auto placed = place(live_->version().instantiate(deadline())); !placed) return placed;
  }
  begin();
  return {};
}

Task<Result<void>> Call::attach_async() {
  const Deadline limit = deadline();
  arm(limit);
  auto placed = place(co_await live_->version().instantiate_async(
      limit, [slot = slot_](Version::Canceller canceller) { slot->start(std::move(canceller)); }));
  if (placed) begin();
  co_return placed;
}

Result<void> Call::place(Result<std::unique_ptr<Guest>> guest) {
  if (guest) {
    live_->place(*slot_, std::move(*guest));
    return {};
  }
  Error error = std::move(guest).error().context("instantiating " + workload_.spec_.name);
  workload_.note(error);
  leave(outcome_of(error.code(), true), false);
  return fail(std::move(error));
}

void Call::begin() {
  const Deadline limit = deadline();
  slot_->guest()->set_deadline(limit);
  if (fibre()) arm(limit);
}

void Call::arm(Deadline limit) {
  if (limit.count() == 0) return;
  slot_->arm(SteadyClock::now() + limit);
  workload_.watch_deadlines();
}

void Call::finish(bool guest_error) {
  const bool dead = slot_->guest()->dead();
  // A dead instance behind an answer: the caller's function passed over the failure it was told.
  const Outcome outcome = dead ? Outcome::kTrapBug : guest_error ? Outcome::kGuestError : Outcome::kOk;
  leave(outcome, dead);
}

Error Call::finish(Error error) {
  const Guest& guest = *slot_->guest();
  const Outcome outcome = guest.outcome(error);
  const bool trapped = outcome == Outcome::kTrapBug || outcome == Outcome::kTrapLimit;
  const bool destroy = trapped || guest.dead();
  Error told = outcome == Outcome::kGuestError ? std::move(error)
                                               : std::move(error).context("workload " + workload_.spec_.name);
  if (outcome != Outcome::kGuestError) workload_.note(told);
  leave(outcome, destroy);
  return told;
}

// Without an outcome the call has not reached a guest and is not counted.
void Call::leave(std::optional<Outcome> outcome, bool destroy) {
  if (fibre()) slot_->disarm();
  if (slot_->guest() != nullptr) {
    if (destroy || workload_.spec_.instances.kind == InstancePolicy::Kind::kFresh) {
      live_->destroy(*slot_);
    } else if (outcome) {
      live_->measure(*slot_);
    }
  }
  if (outcome) live_->count(*outcome, SteadyClock::now() - asked_);
  // The slot goes back before the call leaves: whoever is admitted next finds one.
  if (lane_ == nullptr) [[likely]]
    live_->slots().give_back(*slot_);
  else
    slot_->in_use.store(false, std::memory_order_release);
  live_ = nullptr;
  if (workload_.gate_.leave(generation_) == Gate::Left::kPastLast) workload_.retire_soon(generation_);
  leave_lane();
}

}  // namespace berth::host
