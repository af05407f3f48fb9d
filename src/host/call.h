// Typed<Exports>: how callers use a workload, and Call, the life of one call.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <expected>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "base/executor.h"
#include "base/task.h"
#include "host/outcome.h"
#include "host/shadow.h"
#include "host/workload.h"

namespace berth::host {

struct CallOptions {
  // Where a caller that had to wait is resumed; null = the Host's executor.
  Executor* executor = nullptr;
  // Shorter than the workload's own limit; 0 = that limit.
  Deadline deadline{0};
  // A hash of what the call is about (a user, a tenant), for a canary by key; 0 = none.
  std::uint64_t key = 0;
  // Which of the instances that keep state serves it: below Workload::shards().
  std::uint32_t shard = 0;
};

// One call: admitted to the gate, pinned to a version, given an instance, counted at its end.
// Destroyed before finish() the call counts as a host error and its instance is destroyed.
// One thread at a time.
class Call final {
 public:
  explicit Call(Workload& workload, const CallOptions& options = {});
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // Waits for its turn on this thread.
  [[nodiscard]] Result<void> enter();

  // co_await turn(): waits for its turn without a thread.
  class Turn final : private Gate::Waiter {
   public:
    explicit Turn(Call& call) : call_(call) {}
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    [[nodiscard]] bool await_ready();
    bool await_suspend(std::coroutine_handle<> handle);
    [[nodiscard]] Result<void> await_resume();

   private:
    void admitted(Generation generation) noexcept override;
    void refused() noexcept override;
    void resume();

    Call& call_;
    Ticket ticket_ = 0;
    Gate::Entry entry_ = Gate::Entry::kEntered;
    std::coroutine_handle<> handle_;
  };
  [[nodiscard]] Turn turn() { return Turn(*this); }

  // After its turn has come: gives it an instance. The first form blocks while a new one is made.
  [[nodiscard]] Result<void> attach();
  [[nodiscard]] Task<Result<void>> attach_async();
  // True when making an instance may wait in host functions.
  [[nodiscard]] bool must_wait_to_attach() const { return slot_->guest() == nullptr && fibre(); }

  [[nodiscard]] void* exports() const { return slot_->guest()->exports(); }
  // After the guest answered, while a shadow may be there: true when its instance is gone.
  [[nodiscard]] bool lost_instance() const { return slot_->guest()->dead(); }
  // False for a call that a canary served: its state or answer is not what a shadow compares with.
  [[nodiscard]] bool on_current() const { return workload_.serves(generation_); }

  // Counts the outcome, lets the instance go (for ever after a trap) and leaves.
  void finish(bool guest_error);
  // The same for a failed call; returns the error with the workload's name.
  [[nodiscard]] Error finish(Error error);

 private:
  // The lane of the call's shard; null where there are no shards.
  [[nodiscard]] Gate* lane() const {
    return workload_.lanes_.empty() ? nullptr : workload_.lanes_[options_.shard].get();
  }
  [[nodiscard]] Result<void> entered(Gate::Entry entry);
  void leave_lane();
  [[nodiscard]] Result<void> place(Result<std::unique_ptr<Guest>> guest);
  void begin();
  // The deadline of a guest that may wait in a host function: the engine's clock does not see it.
  void arm(Deadline limit);
  [[nodiscard]] Gate::Entry enter_lane(Gate& lane);
  [[nodiscard]] Gate::Entry enter_slowly();
  void leave(std::optional<Outcome> outcome, bool destroy);
  [[nodiscard]] bool fibre() const { return live_->version().about().fibre; }
  [[nodiscard]] Deadline deadline() const;

  Workload& workload_;
  CallOptions options_;
  std::chrono::steady_clock::time_point asked_;
  LiveVersion* live_ = nullptr;  // set while the call is inside
  Slot* slot_ = nullptr;
  Gate* lane_ = nullptr;  // set while the call is in it
  Generation generation_ = 0;
};

// What has no second form: such calls are not shadowed.
struct NoRepeat {};

namespace detail {
template <class T>
struct IsTask : std::false_type {};
template <class T>
struct IsTask<Task<T>> : std::true_type {
  using Value = T;
};
template <class T>
struct IsResult : std::false_type {};
template <class T>
struct IsResult<Result<T>> : std::true_type {};

// A WIT result<T, E> arrives as Result<std::expected<T, E>>: its error is the guest's answer.
template <class T>
inline constexpr bool has_guest_error = false;
template <class T, class E>
inline constexpr bool has_guest_error<Result<std::expected<T, E>>> = true;

// What a call answers with: f's own result, or the result of its task.
template <class R>
struct AnswerOf {
  using Type = R;
};
template <class R>
struct AnswerOf<Task<R>> {
  using Type = R;
};

// Repeats a call on the shadow, if there is one.
template <class Exports, class Repeat, class R>
void shadow(Workload& workload, const Call& call, Repeat& repeat, const R& answer) {
  const std::shared_ptr<Shadow> shadow = workload.shadow();
  if (shadow == nullptr || !call.on_current()) return;
  if (call.lost_instance()) {
    shadow->lost_step("a call destroyed the instance of the version that serves");
    return;
  }
  shadow->offer(shadow_bytes(answer), [&] {
    return Shadow::Job([again = repeat(), answer](void* exports) mutable -> Task<ShadowAnswer> {
      if constexpr (IsTask<std::invoke_result_t<decltype(again)&, Exports&>>::value) {
        co_return compare_answers(answer, co_await again(*static_cast<Exports*>(exports)));
      } else {
        co_return compare_answers(answer, again(*static_cast<Exports*>(exports)));
      }
    });
  });
}

// Counts the answer, and lets the call go.
template <class R>
void finish(Call& call, R& answer) {
  static_assert(IsResult<R>::value, "a call returns Result<T>");
  if (!answer) {
    answer = std::unexpected(call.finish(std::move(answer).error()));
  } else if constexpr (has_guest_error<R>) {
    call.finish(!answer->has_value());
  } else {
    call.finish(false);
  }
}

// After the guest answered: shadowed, counted, out.
template <class Exports, class Repeat, class R>
void conclude(Workload& workload, Call& call, Repeat& repeat, R& answer) {
  if constexpr (!std::is_same_v<std::remove_cvref_t<Repeat>, NoRepeat>) {
    if (workload.shadowing()) [[unlikely]]
      shadow<Exports>(workload, call, repeat, answer);
  }
  finish(call, answer);
}
}  // namespace detail

// A workload seen as what it exports. Copies share the workload.
// Thread-safe.
template <class Exports>
class Typed final {
 public:
  // kInvalidArgument when the workload was bound to other exports.
  [[nodiscard]] static Result<Typed> of(std::shared_ptr<Workload> workload) {
    if (workload->exports() != exports_type<Exports>()) {
      return fail(Code::kInvalidArgument, "workload " + workload->spec().name +
                                              " was bound to other exports than its caller expects");
    }
    return Typed(std::move(workload));
  }

  [[nodiscard]] Workload& workload() const { return *workload_; }

  // Runs f(Exports&) -> Result<R> on this thread. Blocks while it waits for its turn.
  //  kBusy at once when the queue is full; kUnavailable when the workload was stopped;
  //  kFailedPrecondition when the current version waits in host functions: use call_async;
  //  kTrap, kDeadlineExceeded, kResourceExhausted, kCancelled: the guest was stopped, and its instance is
  //  gone; otherwise what f returned.
  //
  // repeat() -> f' is for shadows (Workload::start_shadow): called only while there is one, after f
  // answered. f' does what f did, from copies of its own, because it runs later; what it captures must
  // not refer to anything that the caller's f refers to. The answers must be comparable with ==.
  template <class F, class Repeat = NoRepeat>
  auto call(const CallOptions& options, F&& f, Repeat&& repeat = {}) const
      -> std::invoke_result_t<F, Exports&> {
    Call call(*workload_, options);
    if (auto turn = call.enter(); !turn) [[unlikely]]
      return std::unexpected(std::move(turn).error());
    if (auto attached = call.attach(); !attached) [[unlikely]]
      return std::unexpected(std::move(attached).error());
    auto answer = std::forward<F>(f)(*static_cast<Exports*>(call.exports()));
    detail::conclude<Exports>(*workload_, call, repeat, answer);
    return answer;
  }

  // The same without blocking; f returns Result<R>, or Task<Result<R>> when the guest may wait. Starts on
  // this thread; continues on the executor where it had to wait. f and repeat are moved into the call.
  template <class F, class Repeat = NoRepeat>
  auto call_async(CallOptions options, F f, Repeat repeat = {}) const {
    return run_async(workload_, options, std::move(f), std::move(repeat));
  }

 private:
  explicit Typed(std::shared_ptr<Workload> workload) : workload_(std::move(workload)) {}

  template <class F, class Repeat>
  static auto run_async(std::shared_ptr<Workload> workload, CallOptions options, F f, Repeat repeat)
      -> Task<typename detail::AnswerOf<std::invoke_result_t<F&, Exports&>>::Type> {
    Call call(*workload, options);
    if (auto turn = co_await call.turn(); !turn) [[unlikely]]
      co_return std::unexpected(std::move(turn).error());
    if (call.must_wait_to_attach()) {
      if (auto r = co_await call.attach_async(); !r) co_return std::unexpected(std::move(r).error());
    } else if (auto r = call.attach(); !r) [[unlikely]] {
      co_return std::unexpected(std::move(r).error());
    }
    Exports& exports = *static_cast<Exports*>(call.exports());
    if constexpr (detail::IsTask<std::invoke_result_t<F&, Exports&>>::value) {
      auto answer = co_await f(exports);
      detail::conclude<Exports>(*workload, call, repeat, answer);
      co_return answer;
    } else {
      auto answer = f(exports);
      detail::conclude<Exports>(*workload, call, repeat, answer);
      co_return answer;
    }
  }

  std::shared_ptr<Workload> workload_;
};

}  // namespace berth::host
