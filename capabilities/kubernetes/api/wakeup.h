// Wakeup: a coroutine that waits until it is woken, time is over, or it is asked to stop.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

#include "net/io_context.h"

namespace berth::kubernetes {

// Waits are made of pieces no longer than this: a timer cannot be taken back.
inline constexpr std::chrono::seconds kLongestWait{5};

// For one wait. It continues on a thread of the context, or at once when it was woken before. Thread-safe.
class Wakeup final : public std::enable_shared_from_this<Wakeup> {
 public:
  explicit Wakeup(net::IoContext& io) : io_(io) {}

  void wake() {
    if (state_.exchange(State::kWoken) == State::kWaits) io_.post([waiting = waiting_] { waiting.resume(); });
  }

  // co_await, once. `most`: up to kLongestWait.
  [[nodiscard]] auto wait(std::chrono::milliseconds most, std::stop_token stop) {
    struct Awaiter {
      std::shared_ptr<Wakeup> self;
      std::chrono::milliseconds most;
      std::stop_token stop;
      [[nodiscard]] bool await_ready() const { return false; }
      bool await_suspend(std::coroutine_handle<> waiting) {
        // This awaiter may be gone once it can be woken.
        const std::shared_ptr<Wakeup> kept = self;
        return kept->start(waiting, most, std::move(stop));
      }
      void await_resume() const {}
    };
    return Awaiter{shared_from_this(), most, std::move(stop)};
  }

 private:
  enum class State : std::uint8_t { kNew, kWaits, kWoken };

  bool start(std::coroutine_handle<> waiting, std::chrono::milliseconds most, std::stop_token stop) {
    waiting_ = waiting;
    io_.post_after(std::max(most, std::chrono::milliseconds(0)),
                   [self = shared_from_this()] { self->wake(); });
    on_stop_.emplace(std::move(stop), [this] { wake(); });
    State expected = State::kNew;
    return state_.compare_exchange_strong(expected, State::kWaits);
  }

  net::IoContext& io_;
  std::atomic<State> state_ = State::kNew;
  std::coroutine_handle<> waiting_;
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
};

}  // namespace berth::kubernetes
