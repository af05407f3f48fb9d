// Failure: why a call or an instantiation ended without an answer, more exact than a Code.
#pragma once

#include <string_view>

#include "base/error.h"
#include "engine/include/berth_engine.h"

namespace berth::abi {

class InstanceState;

// One to one with the engine's codes.
enum class FailureKind : std::uint8_t {
  kNone,
  kInvalid,      // not a component, unknown export, bad argument
  kLink,         // an import is missing or a type differs
  kTrap,         // a bug of the guest
  kLimitTime,    // its deadline passed
  kLimitMemory,  // a memory, table or instance limit denied a growth, and the guest trapped
  kLimitStack,   // its stack is exhausted
  kExit,         // wasi:cli/exit; Failure::exit_code
  kHost,         // a host function failed; the Error is the one the host function returned
  kCancelled,
  kResources,    // the engine's pool is exhausted
  kUnsupported,  // Winch cannot compile this valid component
  kInternal,     // our own bug
};

struct Failure {
  FailureKind kind = FailureKind::kNone;
  int exit_code = 0;

  // A trap because of a limit the operator set.
  [[nodiscard]] bool by_limit() const {
    return kind == FailureKind::kLimitTime || kind == FailureKind::kLimitMemory ||
           kind == FailureKind::kLimitStack;
  }
};

// "trap", "time limit", ...
[[nodiscard]] std::string_view failure_name(FailureKind kind);

// Takes `error` over. Codes: kInvalidArgument, kFailedPrecondition (link, unsupported), kTrap,
// kDeadlineExceeded (time), kResourceExhausted (memory, stack), kCancelled, kBusy (pool), kInternal,
// kGuestError (exit). The guest's stack becomes detail(). With `state`, records the Failure there, and for a
// host function's failure gives back the Error it returned, with its own code.
[[nodiscard]] Error take_error(berth_error_t* error, InstanceState* state = nullptr);

// Result<void> of an engine call.
[[nodiscard]] inline Result<void> check(berth_error_t* error, InstanceState* state = nullptr) {
  if (error == nullptr) [[likely]]
    return {};
  return std::unexpected(take_error(error, state));
}

// For a callback: an error to hand to the engine.
[[nodiscard]] inline berth_error_t* engine_error(berth_code_t code, std::string_view message) {
  return berth_error_new(code, message.data(), message.size());
}

[[nodiscard]] inline berth_str_t str(std::string_view s) { return {s.data(), s.size()}; }
[[nodiscard]] inline std::string_view view(berth_str_t s) { return {s.data, s.len}; }

}  // namespace berth::abi
