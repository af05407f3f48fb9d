// The packages of the round trips, and what their tests share.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "roundtrip/runner.h"

namespace berth::roundtrip {

// For each function and guest, as many as it takes to believe it; a tenth of them through Winch's code, which
// must mean the same.
inline const int kValues = with_winch() ? 1'000 : 10'000;

[[nodiscard]] std::vector<HostPart> all_hosts();
// That of the package written by hand.
[[nodiscard]] HostPart handles_host();

// Compiles each guest once, for all tests.
class RoundTripTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (guests_ != nullptr) return;
    auto guests = Guests::create(all_hosts());
    ASSERT_TRUE(guests) << guests.error().to_string();
    guests_ = std::move(*guests);
  }
  static inline std::unique_ptr<Guests> guests_;
};

}  // namespace berth::roundtrip
