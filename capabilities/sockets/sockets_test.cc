// sockets: the section, the decisions, and what a denial says.
#include <gtest/gtest.h>

#include <algorithm>

#include "capabilities/grants/endpoint.h"
#include "capabilities/grants/testing.h"
#include "capabilities/sockets/grants.h"

namespace berth::sockets {
namespace {

using abi::SocketUse;
using grants::testing::Process;

abi::SocketAddress address(std::string_view text, std::uint16_t port) {
  const auto parsed = net::IpAddress::parse(text);
  EXPECT_TRUE(parsed) << text;
  abi::SocketAddress out{.family = static_cast<std::uint8_t>(parsed->is_v4() ? 4 : 6), .port = port};
  std::ranges::copy(parsed->bytes(), out.bytes);
  return out;
}

// Asks a grant as the engine does.
class Asked {
 public:
  Asked(Process& process, std::string_view yaml) {
    settings_.version = "sha256:1";
    if (auto grant = grants::testing::grant(capability(), yaml, process.services()))
      grant->configure(settings_);
  }
  bool connect(SocketUse use, std::string_view to, std::uint16_t port) const {
    return std::ranges::any_of(settings_.connect, [&](const auto& f) { return f(use, address(to, port)); });
  }
  bool resolve(std::string_view name) const {
    return std::ranges::any_of(settings_.resolve, [&](const auto& f) { return f(name); });
  }

 private:
  host::WasiSettings settings_;
};

TEST(Sockets, EmptyGrantAllowsNothing) {
  Process process;
  const Asked asked(process, "{}");
  for (const auto use : {SocketUse::kTcpConnect, SocketUse::kTcpBind, SocketUse::kUdpBind,
                         SocketUse::kUdpConnect, SocketUse::kUdpSend, SocketUse::kHttpConnect})
    EXPECT_FALSE(asked.connect(use, "93.184.216.34", 443));
  EXPECT_FALSE(asked.resolve("example.com"));
}

// "public" opens the internet and nothing near: every way to write a near address that reaches us as bytes.
TEST(Sockets, PublicOpensNothingNear) {
  Process process;
  const Asked asked(process, "{ tcp: [public], udp: [\"public:53\"] }");
  EXPECT_TRUE(asked.connect(SocketUse::kTcpConnect, "93.184.216.34", 443));
  EXPECT_TRUE(asked.connect(SocketUse::kTcpConnect, "2606:2800:220:1::1", 443));
  EXPECT_TRUE(asked.connect(SocketUse::kUdpSend, "8.8.8.8", 53));
  EXPECT_FALSE(asked.connect(SocketUse::kUdpSend, "8.8.8.8", 54));
  EXPECT_FALSE(asked.connect(SocketUse::kTcpBind, "93.184.216.34", 443));
  EXPECT_FALSE(asked.connect(SocketUse::kHttpConnect, "93.184.216.34", 443)) << "http has its own grant";
  for (const auto* near : {"127.0.0.1",
                           "127.255.255.254",
                           "10.0.0.1",
                           "172.16.0.1",
                           "192.168.1.1",
                           "169.254.169.254",
                           "100.100.100.200",
                           "100.64.0.1",
                           "0.0.0.0",
                           "0.1.2.3",
                           "255.255.255.255",
                           "224.0.0.1",
                           "::",
                           "::1",
                           "fc00::1",
                           "fd00:ec2::254",
                           "fe80::1",
                           "ff02::1",
                           "::ffff:127.0.0.1",
                           "::ffff:169.254.169.254",
                           "::127.0.0.1",
                           "64:ff9b::7f00:1",
                           "64:ff9b::a9fe:a9fe",
                           "2002:7f00:1::",
                           "2002:a9fe:a9fe::"})
    EXPECT_FALSE(asked.connect(SocketUse::kTcpConnect, near, 443)) << near;
}

TEST(Sockets, NamedRangesOpenThemselves) {
  Process process;
  const Asked asked(
      process,
      "{ tcp: [\"10.0.0.0/8:5432\", \"127.0.0.1:6379\", \"[fd00::]/8:80-90\"], listen: \"127.0.0.1\" }");
  EXPECT_TRUE(asked.connect(SocketUse::kTcpConnect, "10.9.9.9", 5432));
  EXPECT_TRUE(asked.connect(SocketUse::kTcpConnect, "::ffff:10.9.9.9", 5432));
  EXPECT_FALSE(asked.connect(SocketUse::kTcpConnect, "10.9.9.9", 5433));
  EXPECT_TRUE(asked.connect(SocketUse::kTcpConnect, "127.0.0.1", 6379));
  EXPECT_FALSE(asked.connect(SocketUse::kTcpConnect, "127.0.0.2", 6379));
  EXPECT_TRUE(asked.connect(SocketUse::kTcpConnect, "fd00::5", 85));
  EXPECT_FALSE(asked.connect(SocketUse::kTcpConnect, "fd00:ec2::254", 80))
      << "metadata only by its own address";
  EXPECT_TRUE(asked.connect(SocketUse::kTcpBind, "127.0.0.1", 0));
  EXPECT_TRUE(asked.connect(SocketUse::kUdpBind, "127.0.0.1", 9));
  EXPECT_FALSE(asked.connect(SocketUse::kTcpBind, "0.0.0.0", 80));
}

TEST(Sockets, MetadataOnlyByItsOwnAddress) {
  Process process;
  EXPECT_FALSE(
      Asked(process, "{ tcp: [\"169.254.0.0/16\"] }").connect(SocketUse::kTcpConnect, "169.254.169.254", 80));
  EXPECT_TRUE(Asked(process, "{ tcp: [\"169.254.169.254:80\"] }")
                  .connect(SocketUse::kTcpConnect, "169.254.169.254", 80));
  EXPECT_FALSE(Asked(process, "{ tcp: [\"0.0.0.0/0\"] }").connect(SocketUse::kTcpConnect, "10.0.0.1", 80));
}

TEST(Sockets, LooksUpOnlyGrantedNames) {
  Process process;
  const Asked asked(process, "{ resolve: [db.example.com, \"*.cache.example\"] }");
  EXPECT_TRUE(asked.resolve("DB.example.com."));
  EXPECT_TRUE(asked.resolve("a.cache.example"));
  EXPECT_FALSE(asked.resolve("example.com"));
  EXPECT_FALSE(asked.resolve("0x7f000001"));
  EXPECT_FALSE(asked.resolve("db.example.com\r\n"));
}

TEST(Sockets, DenialNamesTheLine) {
  Process process;
  const Asked asked(process, "{}");
  EXPECT_FALSE(asked.connect(SocketUse::kTcpConnect, "10.0.0.1", 80));
  EXPECT_TRUE(process.logged("a TCP connection to 10.0.0.1:80 (private)"));
  EXPECT_TRUE(process.logged("write under workloads.shop.grants: sockets: { tcp: [\"10.0.0.1:80\"] }"))
      << process.lines().back();
  EXPECT_FALSE(asked.connect(SocketUse::kUdpSend, "fd00::1", 53));
  EXPECT_TRUE(process.logged("sockets: { udp: [\"[fd00::1]:53\"] }")) << process.lines().back();
  EXPECT_FALSE(asked.resolve("db.example.com"));
  EXPECT_TRUE(process.logged("sockets: { resolve: [\"db.example.com\"] }"));
  EXPECT_FALSE(asked.resolve("x\"]}\n evil: yes"));
  EXPECT_TRUE(process.logged("nothing; it is no host name that can be granted"));
  // What a denial proposes is taken back by the parser, and allows just that.
  EXPECT_TRUE(Asked(process, "{ udp: [\"[fd00::1]:53\"] }").connect(SocketUse::kUdpSend, "fd00::1", 53));
  EXPECT_TRUE(process.metrics().expose().contains("berth_denials_total{")) << process.metrics().expose();
}

TEST(Sockets, MistakesHaveAPlace) {
  const auto problems = [](std::string_view yaml) {
    return grants::testing::read(capability(), yaml).problems;
  };
  EXPECT_TRUE(
      problems("tpc: []").contains("berth.yaml:1:1: grants.sockets: no key \"tpc\"; did you mean \"tcp\""))
      << problems("tpc: []");
  EXPECT_TRUE(problems("tcp:\n  - 10.0.0.1/8\n").contains("berth.yaml:2:5: grants.sockets.tcp: "))
      << problems("tcp:\n  - 10.0.0.1/8\n");
  EXPECT_TRUE(problems("tcp: [\"*\"]").contains("public")) << problems("tcp: [\"*\"]");
  EXPECT_TRUE(problems("resolve: [\"a.*.b\"]").contains("1:11: grants.sockets.resolve: "))
      << problems("resolve: [\"a.*.b\"]");
  EXPECT_TRUE(problems("[]").contains("berth.yaml:1:1: grants.sockets: expected a map"));
}

TEST(Sockets, CoversItsInterfaces) {
  const auto covers = capability().info.covers;
  for (const auto* name : {"tcp", "tcp-create-socket", "udp", "udp-create-socket", "network",
                           "instance-network", "ip-name-lookup"})
    EXPECT_TRUE(covers(std::string("wasi:sockets/") + name + "@0.2.3")) << name;
  EXPECT_FALSE(covers("wasi:http/types@0.2.0"));
}

}  // namespace
}  // namespace berth::sockets
