// The shape parser, and errors from the engine's codes.
#include "abi/component.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "abi/failure.h"
#include "abi/limits.h"
#include "abi/state.h"

namespace berth::abi {
namespace {

TEST(Shape, Parses) {
  auto shape = parse_shape(R"x({"imports":[{"name":"a:b/c@1.0.0","kind":"interface","items":[
      {"name":"r","kind":"resource"},{"name":"f","kind":"func","type":"func(a: u32)"}]}],
      "exports":[{"name":"run","kind":"func","type":"func()"},{"name":"t","kind":"type"}]})x");
  ASSERT_TRUE(shape) << shape.error().to_string();
  EXPECT_EQ(shape->imports, (std::vector<Item>{{"a:b/c@1.0.0",
                                                ItemKind::kInterface,
                                                "",
                                                {{"r", ItemKind::kResource, "", {}},
                                                 {"f", ItemKind::kFunc, "func(a: u32)", {}}}}}));
  EXPECT_EQ(shape->exports.size(), 2u);
}

TEST(Shape, RefusesWhatItDoesNotKnow) {
  for (const char* bad :
       {"", "[]", "{", R"({"imports":[]})", R"({"imports":[],"exports":{}})",
        R"({"imports":[1],"exports":[]})", R"({"imports":[{"name":"f","kind":"func"}],"exports":[]})",
        R"({"imports":[{"name":"f","kind":"new"}],"exports":[]})",
        R"({"imports":[{"name":"i","kind":"interface"}],"exports":[]})"})
    EXPECT_FALSE(parse_shape(bad)) << bad;
  EXPECT_EQ(parse_shape(std::string(kMaxDescribeBytes + 1, ' ')).error().code(), Code::kResourceExhausted);
}

TEST(Failure, HostErrorsComeBackAsTheyWere) {
  auto state = InstanceState::create();
  state->set_host_error(Error(Code::kUnavailable, "gone"));
  Error e = take_error(engine_error(BERTH_E_HOST, "gone"), state.get());
  EXPECT_EQ(e.code(), Code::kUnavailable);
  EXPECT_EQ(state->failure().kind, FailureKind::kHost);
  // An error that no call reported does not leak into the next one.
  state->set_host_error(Error(Code::kUnavailable, "gone"));
  EXPECT_EQ(take_error(engine_error(BERTH_E_TRAP, "unreachable"), state.get()).code(), Code::kTrap);
  EXPECT_EQ(take_error(engine_error(BERTH_E_HOST, "other"), state.get()).message(), "other");
}

TEST(Failure, LimitsAreToldApart) {
  auto state = InstanceState::create();
  for (const auto& [code, wanted, by_limit] : std::vector<std::tuple<berth_code_t, Code, bool>>{
           {BERTH_E_LIMIT_TIME, Code::kDeadlineExceeded, true},
           {BERTH_E_LIMIT_MEMORY, Code::kResourceExhausted, true},
           {BERTH_E_LIMIT_STACK, Code::kResourceExhausted, true},
           {BERTH_E_TRAP, Code::kTrap, false},
           {BERTH_E_RESOURCES, Code::kBusy, false},
           {BERTH_E_LINK, Code::kFailedPrecondition, false}}) {
    EXPECT_EQ(take_error(engine_error(code, "x"), state.get()).code(), wanted);
    EXPECT_EQ(state->failure().by_limit(), by_limit);
  }
}

}  // namespace
}  // namespace berth::abi
