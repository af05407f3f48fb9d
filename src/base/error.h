// Error: what every fallible function of berth returns, and Result<T>, how it returns it.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace berth {

// The kind of failure, for a program. The message is for a person.
enum class Code : std::uint8_t {
  kInvalidArgument,  // the caller's input is wrong: a manifest, a component, a parameter
  kNotFound,         // a named thing does not exist
  kAlreadyExists,
  kPermissionDenied,    // no grant covers it; the message names the manifest line that would allow it
  kFailedPrecondition,  // right call, wrong state
  kAborted,             // lost a race; a retry may succeed
  kBusy,                // a queue or pool is full; retry later
  kDeadlineExceeded,
  kCancelled,
  kUnavailable,        // an outside service does not answer
  kResourceExhausted,  // a limit of memory, size, depth or count was reached
  kGuestError,         // the guest answered with an error value
  kTrap,               // the guest trapped or broke the canonical ABI
  kInternal,           // our own bug
};

[[nodiscard]] std::string_view code_name(Code code);

// A place in a text a person wrote. line and column count from 1.
struct Position {
  std::string file;
  int line = 0;
  int column = 0;
};

// A failure. Value type; threads: none.
class [[nodiscard]] Error {
 public:
  Error(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  [[nodiscard]] Code code() const { return code_; }
  // The message with its context, outermost first: "loading store: reading a.wasm: no such file".
  [[nodiscard]] const std::string& message() const { return message_; }
  [[nodiscard]] const std::optional<Position>& position() const { return position_; }
  [[nodiscard]] std::optional<std::chrono::milliseconds> retry_after() const { return retry_after_; }
  // Extra lines for a person, such as the guest's stack trace. May be empty.
  [[nodiscard]] const std::string& detail() const { return detail_; }

  // Each returns a new value: `e = std::move(e).context(...)` is well defined.
  // Adds what was being done when it failed.
  [[nodiscard]] Error context(std::string_view doing) && {
    message_.insert(0, ": ").insert(0, doing);
    return std::move(*this);
  }
  [[nodiscard]] Error at(Position position) && {
    position_ = std::move(position);
    return std::move(*this);
  }
  [[nodiscard]] Error retry_in(std::chrono::milliseconds delay) && {
    retry_after_ = delay;
    return std::move(*this);
  }
  [[nodiscard]] Error with_detail(std::string detail) && {
    detail_ = std::move(detail);
    return std::move(*this);
  }

  // "file:line:column: message (code)" followed by the detail, for a terminal.
  [[nodiscard]] std::string to_string() const;

 private:
  Code code_;
  std::string message_;
  std::string detail_;
  std::optional<Position> position_;
  std::optional<std::chrono::milliseconds> retry_after_;
};

template <class T = void>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(Code code, std::string message) {
  return std::unexpected<Error>(Error(code, std::move(message)));
}
[[nodiscard]] inline std::unexpected<Error> fail(Error error) {
  return std::unexpected<Error>(std::move(error));
}

// Evaluates a Result; on failure returns its error from the enclosing function (or coroutine, with
// BERTH_CO_TRY). The value, if any, is the expression's.
#define BERTH_TRY(expr)                                                     \
  ({                                                                        \
    auto berth_try_ = (expr);                                               \
    if (!berth_try_) return std::unexpected(std::move(berth_try_).error()); \
    std::move(berth_try_).value();                                          \
  })
#define BERTH_CO_TRY(expr)                                                     \
  ({                                                                           \
    auto berth_try_ = (expr);                                                  \
    if (!berth_try_) co_return std::unexpected(std::move(berth_try_).error()); \
    std::move(berth_try_).value();                                             \
  })

}  // namespace berth
