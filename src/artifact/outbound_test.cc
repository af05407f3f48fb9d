// Outbound: where the reference's own host may be, and where others may be.
#include "artifact/outbound.h"

#include <gtest/gtest.h>

#include <vector>

namespace berth::artifact {
namespace {

bool allows(const Outbound& outbound, std::string_view host, std::string_view address) {
  return outbound.for_host(host)->allows(net::IpAddress::parse(address).value(), 443);
}

constexpr const char* kNear[] = {"127.0.0.1", "10.1.2.3", "192.168.1.1",     "100.64.0.1",
                                 "::1",       "fd00::1",  "::ffff:127.0.0.1"};
constexpr const char* kNever[] = {
    "169.254.169.254",   "169.254.1.1", "100.100.100.200", "0.0.0.0",   "::",
    "fe80::1",           "224.0.0.1",   "fd00:ec2::254",   "240.0.0.1", "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe"};

TEST(Outbound, TheNamedHostMayBeNearOthersMustBePublic) {
  const Outbound outbound = Outbound::create("registry.internal", {}).value();
  for (const char* address : {"8.8.8.8", "2606:4700::1"}) {
    EXPECT_TRUE(allows(outbound, "registry.internal", address));
    EXPECT_TRUE(allows(outbound, "other", address));
  }
  for (const char* address : kNear) {
    EXPECT_TRUE(allows(outbound, "registry.internal", address)) << address;
    EXPECT_FALSE(allows(outbound, "other", address)) << address;
  }
  for (const char* address : kNever) {
    EXPECT_FALSE(allows(outbound, "registry.internal", address)) << address;
    EXPECT_FALSE(allows(outbound, "other", address)) << address;
  }
}

TEST(Outbound, AnAddressThatIsTheHostIsAllowedForItAlone) {
  const Outbound outbound = Outbound::create("169.254.1.1", {}).value();
  EXPECT_TRUE(allows(outbound, "169.254.1.1", "169.254.1.1"));
  EXPECT_FALSE(allows(outbound, "169.254.1.1", "169.254.1.2"));
  EXPECT_FALSE(allows(outbound, "other", "169.254.1.1"));
}

TEST(Outbound, TheManifestsAddressesHoldForEveryHost) {
  const std::vector<std::string> addresses = {"10.0.0.0/8"};
  const Outbound outbound = Outbound::create("a", addresses).value();
  EXPECT_TRUE(allows(outbound, "other", "10.1.2.3"));
  EXPECT_FALSE(allows(outbound, "other", "192.168.1.1"));
  const std::vector<std::string> wrong = {"10.0.0"};
  EXPECT_EQ(Outbound::create("a", wrong).error().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace berth::artifact
