// Tests of address parsing, classes and rules.
#include "net/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::net {
namespace {

using enum AddressClass;

AddressClass class_of(std::string_view text) {
  auto address = IpAddress::parse(text);
  EXPECT_TRUE(address) << text;
  return address ? address->classify() : kReserved;
}

AddressPolicy policy(std::vector<std::string> rules) {
  auto parsed = AddressPolicy::parse(rules);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().message());
  return parsed.value_or(AddressPolicy());
}

bool allows(const AddressPolicy& p, std::string_view address, std::uint16_t port = 443) {
  return p.allows(IpAddress::parse(address).value(), port);
}

TEST(IpAddress, ParsesAndPrints) {
  for (const std::string text : {"0.0.0.0", "127.0.0.1", "255.255.255.255", "::", "::1", "fd00::1:2",
                                 "fe80::1%eth0", "2001:db8::8:800:200c:417a"}) {
    auto address = IpAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), text);
  }
  EXPECT_EQ(IpAddress::parse("::ffff:10.0.0.1")->unwrapped().to_string(), "10.0.0.1");
  EXPECT_EQ(IpAddress::parse("fe80::1%eth0")->zone(), "eth0");
}

TEST(IpAddress, RefusesEveryOtherSpelling) {
  for (const std::string text :
       {"", "127.1", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "127.0.0.01", "127.0.0.1.",
        " 127.0.0.1", "127.0.0.256", "127.0.0.1/8", "127.0.0.1%eth0", "[::1]", "fe80::1%", "::1%a b",
        ":::", "1:2:3:4:5:6:7:8:9", "::ffff:0177.0.0.1", "localhost"}) {
    auto address = IpAddress::parse(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code(), Code::kInvalidArgument);
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("127.0.0.1\0x", 11)));
  EXPECT_FALSE(IpAddress::parse(std::string(100'000, '1')));
}

TEST(IpAddress, KnowsWhereItLeads) {
  const std::pair<std::string_view, AddressClass> table[] = {
      {"8.8.8.8", kPublic},         {"2606:4700::1111", kPublic},   {"10.0.0.1", kPrivate},
      {"172.16.0.1", kPrivate},     {"172.31.255.255", kPrivate},   {"172.32.0.1", kPublic},
      {"192.168.1.1", kPrivate},    {"100.64.0.1", kPrivate},       {"100.128.0.1", kPublic},
      {"127.0.0.1", kLoopback},     {"127.255.255.254", kLoopback}, {"::1", kLoopback},
      {"0.0.0.0", kUnspecified},    {"0.1.2.3", kUnspecified},      {"::", kUnspecified},
      {"169.254.0.1", kLinkLocal},  {"fe80::1", kLinkLocal},        {"fe80::1%eth0", kLinkLocal},
      {"febf::1", kLinkLocal},      {"fc00::1", kPrivate},          {"fdff::1", kPrivate},
      {"fec0::1", kPrivate},        {"64:ff9b:1::1", kPrivate},     {"224.0.0.1", kMulticast},
      {"ff02::1", kMulticast},      {"255.255.255.255", kReserved}, {"240.0.0.1", kReserved},
      {"192.0.2.1", kReserved},     {"2001:db8::1", kReserved},     {"2001::1", kReserved},
      {"4000::1", kReserved},       {"169.254.169.254", kMetadata}, {"100.100.100.200", kMetadata},
      {"168.63.129.16", kMetadata}, {"fd00:ec2::254", kMetadata},
  };
  for (const auto& [text, expected] : table) {
    EXPECT_EQ(class_of(text), expected) << text << " is " << address_class_name(class_of(text));
  }
}

TEST(IpAddress, SeesThroughIpv6Clothes) {
  for (const std::string_view text :
       {"::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::"}) {
    EXPECT_EQ(class_of(text), kLoopback) << text;
  }
  for (const std::string_view text : {"::ffff:a9fe:a9fe", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"}) {
    EXPECT_EQ(class_of(text), kMetadata) << text;
  }
  EXPECT_EQ(class_of("64:ff9b::8.8.8.8"), kPublic);
}

TEST(Cidr, ContainsToTheBit) {
  const Cidr range = Cidr::parse("10.128.0.0/9").value();
  EXPECT_TRUE(range.contains(IpAddress::parse("10.128.0.0").value()));
  EXPECT_TRUE(range.contains(IpAddress::parse("10.255.255.255").value()));
  EXPECT_FALSE(range.contains(IpAddress::parse("10.127.255.255").value()));
  EXPECT_FALSE(range.contains(IpAddress::parse("11.128.0.0").value()));
  EXPECT_TRUE(Cidr::parse("0.0.0.0/0")->contains(IpAddress::parse("1.2.3.4").value()));
  EXPECT_FALSE(Cidr::parse("::/0")->contains(IpAddress::parse("1.2.3.4").value()));
  EXPECT_EQ(Cidr::parse("::ffff:10.0.0.0/104")->to_string(), "10.0.0.0/8");
  EXPECT_EQ(Cidr::parse("fd00::/8")->to_string(), "fd00::/8");
}

TEST(Cidr, RefusesNonsense) {
  for (const std::string text : {"10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8x", "::/129",
                                 "10.0.0.1/8", "/8", "fe80::1%eth0/64", "fe80::1%eth0"}) {
    EXPECT_FALSE(Cidr::parse(text)) << text;
  }
  EXPECT_THAT(Cidr::parse("10.0.0.1/8").error().message(), testing::HasSubstr("write 10.0.0.0/8"));
}

TEST(IsDisguisedAddress, FindsNumbersThatResolversAccept) {
  for (const std::string_view host :
       {"2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1.", "0x7f.1", "1.2.3.0x", "a.b.09"}) {
    EXPECT_TRUE(is_disguised_address(host)) << host;
  }
  for (const std::string_view host :
       {"127.0.0.1", "::1", "example.com", "example.com.", "1.example", "0xg", "", "a1"}) {
    EXPECT_FALSE(is_disguised_address(host)) << host;
  }
}

TEST(AddressPolicy, NothingIsAllowedWithoutARule) { EXPECT_FALSE(allows(AddressPolicy(), "8.8.8.8")); }

TEST(AddressPolicy, PublicMeansOnlyPublic) {
  const auto p = policy({"public:443"});
  EXPECT_TRUE(allows(p, "8.8.8.8"));
  EXPECT_TRUE(allows(p, "::ffff:8.8.8.8"));
  EXPECT_FALSE(allows(p, "8.8.8.8", 80));
  for (const std::string_view text :
       {"10.0.0.1", "127.0.0.1", "::ffff:127.0.0.1", "169.254.169.254", "168.63.129.16", "fe80::1%eth0",
        "64:ff9b::10.0.0.1", "0.0.0.0", "224.0.0.1"}) {
    EXPECT_FALSE(allows(p, text)) << text;
  }
}

TEST(AddressPolicy, AWideRangeDoesNotOpenTheLocalNetwork) {
  const auto p = policy({"0.0.0.0/0", "::/0", "172.0.0.0/8"});
  EXPECT_TRUE(allows(p, "8.8.8.8"));
  EXPECT_TRUE(allows(p, "2606:4700::1111"));
  EXPECT_TRUE(allows(p, "172.1.1.1"));
  for (const std::string_view text :
       {"10.0.0.1", "127.0.0.1", "172.16.0.1", "169.254.169.254", "fd00::1", "::1"}) {
    EXPECT_FALSE(allows(p, text)) << text;
  }
}

TEST(AddressPolicy, NamedRangesOpenWhatTheyName) {
  const auto p = policy({"10.0.0.0/8:5432", "127.0.0.1:6379-6380", "[fd00::]/8:80", "::1", "169.254.0.0/16"});
  EXPECT_TRUE(allows(p, "10.9.9.9", 5432));
  EXPECT_FALSE(allows(p, "10.9.9.9", 5433));
  EXPECT_TRUE(allows(p, "::ffff:10.9.9.9", 5432));
  EXPECT_TRUE(allows(p, "127.0.0.1", 6380));
  EXPECT_FALSE(allows(p, "127.0.0.1", 6381));
  EXPECT_FALSE(allows(p, "127.0.0.2", 6380));
  EXPECT_TRUE(allows(p, "fd12::1", 80));
  EXPECT_TRUE(allows(p, "::1", 9));
  EXPECT_TRUE(allows(p, "169.254.1.1"));
  EXPECT_FALSE(allows(p, "169.254.169.254"));
  EXPECT_TRUE(allows(policy({"169.254.169.254:80"}), "169.254.169.254", 80));
}

TEST(AddressPolicy, RefusesRulesItCannotRead) {
  for (const std::string rule :
       {"*", "", "10.0.0.0/8:", "10.0.0.0/8:0", "10.0.0.0/8:90-80", "10.0.0.0/8:65536", "[::1", "[::1]x",
        "[10.0.0.1]:80", "example.com", "public:x", "10.0.0.1/8"}) {
    const std::vector<std::string> rules{rule};
    auto parsed = AddressPolicy::parse(rules);
    ASSERT_FALSE(parsed) << rule;
    EXPECT_THAT(parsed.error().message(), testing::HasSubstr("\"" + rule + "\""));
  }
}

TEST(AddressPolicy, HasAtMostKMaxAddressRules) {
  std::vector<std::string> rules(256, "public");
  EXPECT_TRUE(AddressPolicy::parse(rules));
  rules.emplace_back("public");
  EXPECT_EQ(AddressPolicy::parse(rules).error().code(), Code::kResourceExhausted);
}

}  // namespace
}  // namespace berth::net
