// Error: context order, position and detail in the text.
#include "base/error.h"

#include <gtest/gtest.h>

namespace berth {
namespace {

TEST(Error, ContextIsOutermostFirst) {
  Error e = Error(Code::kNotFound, "no such file").context("reading a.wasm").context("loading store");
  EXPECT_EQ(e.message(), "loading store: reading a.wasm: no such file");
}

TEST(Error, TextShowsPositionCodeAndDetail) {
  Error e = Error(Code::kTrap, "unreachable").at({"berth.yaml", 3, 7}).with_detail("0: f");
  EXPECT_EQ(e.to_string(), "berth.yaml:3:7: unreachable (trap)\n0: f");
}

Result<int> half(int n) {
  if (n % 2 != 0) return fail(Code::kInvalidArgument, "odd");
  return n / 2;
}
Result<int> quarter(int n) { return BERTH_TRY(half(BERTH_TRY(half(n)))); }

TEST(Error, TryPassesTheErrorOn) {
  EXPECT_EQ(quarter(8).value(), 2);
  EXPECT_EQ(quarter(6).error().message(), "odd");
}

}  // namespace
}  // namespace berth
