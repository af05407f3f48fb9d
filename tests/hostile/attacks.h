// The attacks of running guests, as a table: attack_test.cc runs each alone, neighbour_test.cc next to
// another workload.
#pragma once

#include <functional>
#include <ostream>
#include <string_view>
#include <vector>

#include "abi/failure.h"
#include "abi/instance.h"
#include "base/error.h"
#include "base/task.h"

namespace berth::hostile {

// Plain value.
struct Attack {
  std::string_view guest;  // guests/GUEST.wat, which exports `ping` and `attack`
  // How `attack` must fail, and words of the message. kNone: it runs to its end and does no harm.
  abi::FailureKind kind = abi::FailureKind::kNone;
  std::string_view words;
  // Calls `attack`, on either path.
  std::function<Result<void>(abi::Instance&)> run;
  std::function<Task<Result<void>>(abi::Instance&)> run_async;

  friend void PrintTo(const Attack& attack, std::ostream* out) { *out << attack.guest; }
};

[[nodiscard]] std::vector<Attack> attacks();

}  // namespace berth::hostile
