// The table of what every store must do.
#pragma once

#include <span>

#include "tests/statestore/subject.h"

namespace berth::statestore::conformance {

// Checks with GoogleTest's macros, on an empty store. Plain value.
struct Case {
  const char* name;
  void (*run)(Subject&);
};

// entry_cases.cc: berth:state/store.
[[nodiscard]] std::span<const Case> entry_cases();
// feature_cases.cc: the other interfaces, and what is handed over.
[[nodiscard]] std::span<const Case> feature_cases();

}  // namespace berth::statestore::conformance
