// Tests of the trigger `state` in a manifest.
#include "applications/statestore/native/state_trigger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "manifest/manifest.h"

namespace berth::statestore {
namespace {

using testing::HasSubstr;

// What the manifest says wrong about one trigger; "" when nothing is.
std::string problems_of(const std::string& trigger) {
  const std::vector<manifest::Extension> triggers{state_extension()};
  const std::string text =
      "workloads:\n  a:\n    source: file:a.wasm\n    triggers:\n      - state: " + trigger + "\n";
  const auto parsed = manifest::parse(text, "m.yaml", "/", {.grants = {}, .triggers = triggers});
  return parsed ? "" : parsed.error().to_string();
}

StateTrigger read(const std::string& trigger) {
  const std::vector<manifest::Extension> triggers{state_extension()};
  const std::string text =
      "workloads:\n  a:\n    source: file:a.wasm\n    triggers:\n      - state: " + trigger + "\n";
  const auto parsed = manifest::parse(text, "m.yaml", "/", {.grants = {}, .triggers = triggers});
  EXPECT_TRUE(parsed);
  manifest::Problems problems("m.yaml");
  return read_state_trigger(parsed->workloads[0].triggers[0].value, "state", problems).value();
}

TEST(StateTrigger, HasDefaults) {
  const auto t = read("{store: statestore}");
  EXPECT_EQ(t.store, "statestore");
  EXPECT_EQ(t.listen->to_string(), "127.0.0.1:3500");
  EXPECT_FALSE(t.grpc_listen);
  EXPECT_EQ(t.component_socket, "");
  EXPECT_EQ(t.app_id, "");
  EXPECT_EQ(t.max_body_bytes, 4U << 20);
}

TEST(StateTrigger, ListensForHttpOnlyWhereNothingElseIsNamed) {
  EXPECT_FALSE(read("{store: s, component-socket: sockets}").listen);
  EXPECT_FALSE(read("{store: s, grpc-listen: 127.0.0.1:50001}").listen);
  EXPECT_EQ(read("{store: s, component-socket: sockets, listen: 127.0.0.1:1}").listen->port, 1);
}

TEST(StateTrigger, ReadsEverything) {
  const auto t = read(
      "{store: s-1, listen: \"[::1]:80\", grpc-listen: 127.0.0.1:50001, component-socket: sockets, app-id: "
      "app_1, max-body: 16MiB}");
  EXPECT_EQ(t.store, "s-1");
  EXPECT_EQ(t.listen->to_string(), "[::1]:80");
  EXPECT_EQ(t.grpc_listen->to_string(), "127.0.0.1:50001");
  EXPECT_EQ(t.component_socket, "sockets");
  EXPECT_EQ(t.app_id, "app_1");
  EXPECT_EQ(t.max_body_bytes, 16U << 20);
}

TEST(StateTrigger, RefusesWithThePlace) {
  const std::pair<std::string, std::string> table[] = {
      {"{}", "store"},
      {"{store: a/b}", "5:24: "},
      {"{store: \"\"}", "letters, digits"},
      {"{store: a, listn: 1}", "listen"},
      {"{store: a, listen: example.com:80}", "listen"},
      {"{store: a, app-id: \"a||b\"}", "an app id has"},
      {"{store: a, component-socket: \"\"}", "component-socket"},
      {"{store: a, max-body: 1}", "max-body"},
      {"{store: a, max-body: 2GiB}", "max-body"},
      {"[]", "state"},
  };
  for (const auto& [trigger, expected] : table)
    EXPECT_THAT(problems_of(trigger), HasSubstr(expected)) << trigger;
  EXPECT_EQ(problems_of("{store: " + std::string(100, 'a') + "}"), "");
  EXPECT_THAT(problems_of("{store: " + std::string(101, 'a') + "}"), HasSubstr("1 to 100"));
}

}  // namespace
}  // namespace berth::statestore
