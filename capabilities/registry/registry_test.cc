// registry: the list is whole, and its lines are what the parser takes.
#include "capabilities/registry/registry.h"

#include <gtest/gtest.h>

#include <set>

#include "capabilities/grants/testing.h"

namespace berth::registry {
namespace {

TEST(Registry, OffersEveryCapabilityOnce) {
  std::set<std::string> names;
  for (const auto& capability : capabilities())
    EXPECT_TRUE(names.insert(capability.info.name).second) << capability.info.name;
  EXPECT_EQ(names, (std::set<std::string>{"clocks", "random", "filesystem", "sockets", "http", "config",
                                          "keyvalue", "kubernetes", "logging", "metrics"}));
}

// The line a refused import names must make the import pass.
TEST(Registry, GrantLinesAreValid) {
  grants::testing::Process process;
  for (const auto& capability : capabilities()) {
    const std::string& line = capability.info.grant_line;
    ASSERT_TRUE(line.starts_with(capability.info.name + ": ")) << line;
    const auto grant =
        grants::testing::grant(capability, line.substr(capability.info.name.size() + 2), process.services());
    ASSERT_NE(grant, nullptr) << line;
    EXPECT_EQ(grant->capability(), capability.info.name);
    const auto extension = capability.extension();
    EXPECT_EQ(extension.name, capability.info.name);
    EXPECT_EQ(extension.section->path, "grants." + capability.info.name);
    manifest::Problems problems("berth.yaml");
    extension.check(*manifest::parse_yaml("- [[]]", problems), "grants.x", problems);
    EXPECT_FALSE(problems.empty()) << capability.info.name;
  }
}

TEST(Registry, NoInterfaceHasTwoOwners) {
  grants::testing::Process process;
  const auto base = base_grant(process.services());
  for (const auto* interface :
       {"wasi:clocks/wall-clock@0.2.0", "wasi:clocks/monotonic-clock@0.2.0", "wasi:random/random@0.2.0",
        "wasi:random/insecure@0.2.0", "wasi:random/insecure-seed@0.2.0", "wasi:filesystem/types@0.2.0",
        "wasi:filesystem/preopens@0.2.0", "wasi:sockets/tcp@0.2.0", "wasi:http/types@0.2.0",
        "wasi:http/outgoing-handler@0.2.0", "wasi:config/store@0.2.0-rc.1",
        "wasi:keyvalue/batch@0.2.0-draft2", "berth:kubernetes/reading@0.1.0", "berth:logging/logging@0.1.0",
        "berth:metrics/metrics@0.1.0", "wasi:cli/environment@0.2.0", "wasi:cli/exit@0.2.3",
        "wasi:io/poll@0.2.0"}) {
    int owners = base->covers(interface) ? 1 : 0;
    for (const auto& capability : capabilities()) owners += capability.info.covers(interface) ? 1 : 0;
    EXPECT_EQ(owners, 1) << interface;
  }
}

}  // namespace
}  // namespace berth::registry
