// http: the section, the decisions, and what a denial says.
#include <gtest/gtest.h>

#include <algorithm>

#include "abi/state.h"
#include "capabilities/grants/testing.h"
#include "capabilities/http/grants.h"
#include "capabilities/http/limits.h"

namespace berth::http {
namespace {

using grants::testing::Process;

class Asked {
 public:
  Asked(Process& process, std::string_view yaml) {
    if (auto grant = grants::testing::grant(capability(), yaml, process.services()))
      grant->configure(settings_);
  }
  bool request(std::string_view method, std::string_view scheme, std::string_view authority) const {
    return std::ranges::any_of(settings_.http,
                               [&](const auto& f) { return f(method, scheme, authority, "/"); });
  }
  bool dial(std::string_view to, std::uint16_t port,
            abi::SocketUse use = abi::SocketUse::kHttpConnect) const {
    const auto parsed = net::IpAddress::parse(to);
    EXPECT_TRUE(parsed) << to;
    abi::SocketAddress address{.family = static_cast<std::uint8_t>(parsed->is_v4() ? 4 : 6), .port = port};
    std::ranges::copy(parsed->bytes(), address.bytes);
    return std::ranges::any_of(settings_.connect, [&](const auto& f) { return f(use, address); });
  }

 private:
  host::WasiSettings settings_;
};

TEST(Http, EmptyGrantAllowsNothing) {
  Process process;
  const Asked asked(process, "[]");
  EXPECT_FALSE(asked.request("GET", "https", "example.com"));
  EXPECT_FALSE(asked.dial("93.184.216.34", 443));
}

TEST(Http, AllowsHostsAndMethodsOfOneRule) {
  Process process;
  const Asked asked(process,
                    "- { hosts: [api.example.com, \"*.example.org:8443\"], methods: [GET, HEAD] }\n"
                    "- { hosts: [\"http://127.0.0.1:8080\"], methods: [POST] }\n");
  EXPECT_TRUE(asked.request("GET", "https", "api.example.com"));
  EXPECT_TRUE(asked.request("HEAD", "https", "API.example.com.:443"));
  EXPECT_TRUE(asked.request("GET", "https", "a.example.org:8443"));
  EXPECT_TRUE(asked.request("POST", "http", "127.0.0.1:8080"));
  const struct {
    const char *method, *scheme, *authority;
  } denied[] = {
      {"POST", "https", "api.example.com"},
      {"get", "https", "api.example.com"},
      {"GET", "http", "api.example.com"},
      {"GET", "https", "api.example.com:8443"},
      {"GET", "https", "a.example.org"},
      {"GET", "https", "api.example.com.evil.org"},
      {"GET", "https", "evil.org@api.example.com"},
      {"GET", "https", "api.example.com@evil.org"},
      {"GET", "https", "api.example.com\r\nHost: x"},
      {"GET", "https", ""},
      {"GET", "ftp", "api.example.com"},
      {"GET", "HTTPS", "api.example.com"},
      {"GET", "http", "127.0.0.1:8080"},
      {"POST", "http", "127.0.0.1"},
      {"POST", "http", "localhost:8080"},
      {"POST", "http", "2130706433:8080"},
      {"POST", "http", "0177.0.0.1:8080"},
      {"POST", "http", "127.1:8080"},
      {"POST", "http", "[::ffff:127.0.0.1]:8080"},
      {"CONNECT", "https", "api.example.com"},
  };
  for (const auto& d : denied)
    EXPECT_FALSE(asked.request(d.method, d.scheme, d.authority)) << d.method << d.scheme << d.authority;
}

// The name was allowed; where it leads is decided again, at each dial.
TEST(Http, RebindingToNearAddressesGainsNothing) {
  Process process;
  const Asked asked(
      process,
      "- { hosts: [\"*\", \"http://127.0.0.1:8080\"], methods: [GET], addresses: [\"10.1.0.0/16:443\"] }");
  EXPECT_TRUE(asked.dial("93.184.216.34", 443));
  EXPECT_TRUE(asked.dial("127.0.0.1", 8080));
  EXPECT_TRUE(asked.dial("10.1.2.3", 443));
  EXPECT_FALSE(asked.dial("93.184.216.34", 443, abi::SocketUse::kTcpConnect))
      << "sockets have their own grant";
  for (const auto* near :
       {"127.0.0.1", "10.2.0.1", "192.168.0.1", "169.254.169.254", "100.100.100.200", "0.0.0.0", "::1",
        "fd00::1", "fe80::1", "::ffff:169.254.169.254", "::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe"})
    EXPECT_FALSE(asked.dial(near, 443)) << near;
  EXPECT_FALSE(asked.dial("127.0.0.1", 8081));
}

TEST(Http, DenialNamesALineThatWorks) {
  Process process;
  const Asked asked(process, "[]");
  EXPECT_FALSE(asked.request("POST", "http", "Api.example.com:8080"));
  EXPECT_TRUE(process.logged(
      "denied: HTTP POST to http://Api.example.com:8080; to allow it, write under workloads.shop.grants: "
      "http: [{ hosts: [\"http://api.example.com:8080\"], methods: [POST] }]"))
      << process.lines().back();
  EXPECT_TRUE(Asked(process, "[{ hosts: [\"http://api.example.com:8080\"], methods: [POST] }]")
                  .request("POST", "http", "Api.example.com:8080"));
  EXPECT_FALSE(asked.request("GET", "https", "[fd00::1]:444"));
  EXPECT_TRUE(process.logged("http: [{ hosts: [\"[fd00::1]:444\"], methods: [GET] }]"))
      << process.lines().back();
  EXPECT_TRUE(Asked(process, "[{ hosts: [\"[fd00::1]:444\"], methods: [GET] }]").dial("fd00::1", 444));
  EXPECT_FALSE(asked.request("CONNECT", "https", "a.example"));
  EXPECT_TRUE(process.logged(
      "HTTP CONNECT to https://a.example; to allow it, write under workloads.shop.grants: nothing;"));
  EXPECT_FALSE(asked.request("GET", "https", "x\"], methods: [\r\n"));
  EXPECT_FALSE(process.lines().back().contains("\\r\\n]")) << process.lines().back();
  EXPECT_FALSE(asked.dial("10.0.0.1", 443));
  EXPECT_TRUE(process.logged("an HTTP connection to 10.0.0.1:443 (private)"));
  EXPECT_TRUE(process.logged("addresses: [\"10.0.0.1:443\"]"));
}

TEST(Http, MistakesHaveAPlace) {
  const auto problems = [](std::string_view yaml) {
    return grants::testing::read(capability(), yaml).problems;
  };
  const struct {
    const char *yaml, *expected;
  } cases[] = {
      {"{}",
       "berth.yaml:1:1: grants.http must be a list; write `http: [{ hosts: [api.example.com], methods: [GET] "
       "}]`"},
      {"- { hosts: [a.example] }", "berth.yaml:1:3: grants.http[0]: the key methods is missing"},
      {"- { hosts: [], methods: [GET] }", "berth.yaml:1:12: grants.http[0].hosts: names none"},
      {"- { hosts: [a.example], methods: [get] }",
       "berth.yaml:1:35: grants.http[0].methods: \"get\" is no method; write it in capitals"},
      {"- { hosts: [a.example], methods: [CONNECT] }", "CONNECT opens a tunnel"},
      {"- { hosts: [\"https://a.example/path\"], methods: [GET] }", "a rule names a host, not a path"},
      {"- { hosts: [\"ftp://a.example\"], methods: [GET] }", "only http:// and https:// exist here"},
      {"- { hosts: [\"me@a.example\"], methods: [GET] }", "a rule holds no user name"},
      {"- { hosts: [\"a.example:0\"], methods: [GET] }", "is no port"},
      {"- { hosts: [\"2130706433\"], methods: [GET] }", "address in disguise"},
      {"- { hosts: [a.example], methods: [GET], adresses: [] }",
       "no key \"adresses\"; did you mean \"addresses\""},
      {"- { hosts: [a.example], methods: [GET], addresses: [10.0.0.1/8] }",
       "berth.yaml:1:53: grants.http[0].addresses"},
  };
  for (const auto& c : cases) EXPECT_TRUE(problems(c.yaml).contains(c.expected)) << problems(c.yaml);
  std::string many;
  for (std::size_t i = 0; i <= kMaxRules; ++i) many += "- { hosts: [a.example], methods: [GET] }\n";
  EXPECT_TRUE(problems(many).contains("berth.yaml:65:3: grants.http has 65 items; 64 is the most"))
      << problems(many);
  EXPECT_TRUE(problems("- { hosts: [a.example], methods: [" + std::string(kMaxMethodBytes + 1, 'A') + "] }")
                  .contains("is no method"));
}

}  // namespace
}  // namespace berth::http
