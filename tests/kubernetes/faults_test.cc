// A Cluster whose API fails in every way that happens: it goes on where that is right, and says what it is
// otherwise.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "cluster_fixture.h"

namespace berth::kubernetes {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

class Faults : public ClusterTest {
 protected:
  static ObjectName default_namespace() {
    return {{"", "v1", "namespaces"}, std::nullopt, "default", std::nullopt};
  }
  Answer<std::string> get(Cluster& cluster) { return wait(cluster.get(default_namespace(), caller())); }
  static Fault reply(std::string status, std::string headers = "", std::string body = "") {
    return {.kind = Fault::Kind::kReply,
            .status = std::move(status),
            .headers = std::move(headers),
            .body = std::move(body)};
  }
};

TEST_F(Faults, ReadsAreTriedAgain) {
  const std::string expected = api().request("GET", "/api/v1/namespaces/default").body;
  const Fault faults[] = {reply("429 Too Many", "Retry-After: 1\r\n"),
                          reply("500 Broken"),
                          reply("502 Bad"),
                          reply("503 Away"),
                          reply("504 Late"),
                          {.kind = Fault::Kind::kDrop},
                          {.kind = Fault::Kind::kCut, .bytes = 40},
                          {.kind = Fault::Kind::kCut, .bytes = 0}};
  for (const Fault& fault : faults) {
    FaultProxy proxy([&](const std::string&, int number) { return number < 2 ? fault : Fault(); });
    const auto cluster = open(proxy.kubeconfig());
    const auto got = get(*cluster);
    ASSERT_TRUE(got) << shown(got.error());
    EXPECT_EQ(*got, expected);
    EXPECT_GE(proxy.lines().size(), 3U);
  }
}

TEST_F(Faults, WhatLastsReachesTheGuestAsItIs) {
  const std::string body = R"({"kind":"Status","reason":"TooManyRequests","message":"slow down","code":429})";
  FaultProxy proxy(
      [&](const std::string&, int) { return reply("429 Too Many", "Retry-After: 0\r\n", body); });
  const auto cluster = open(proxy.kubeconfig());
  const auto got = get(*cluster);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, Failure::Kind::kStatus);
  EXPECT_EQ(got.error().status.code, 429);
  EXPECT_EQ(got.error().status.reason, "TooManyRequests");
  EXPECT_EQ(got.error().status.message, "slow down");
  EXPECT_EQ(got.error().status.retry_after, 0U);
  EXPECT_EQ(got.error().status.body, body);
  EXPECT_EQ(proxy.lines().size(), static_cast<std::size_t>(kMaxTries));
}

TEST_F(Faults, ALongRetryAfterIsTheGuests) {
  FaultProxy proxy(
      [&](const std::string&, int) { return reply("503 Away", "Retry-After: 120\r\n", "plain text"); });
  const auto cluster = open(proxy.kubeconfig());
  const auto got = get(*cluster);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().status.retry_after, 120U);
  EXPECT_EQ(got.error().status.message, "plain text");
  EXPECT_EQ(proxy.lines().size(), 1U);
}

TEST_F(Faults, WritesAreTriedAgainOnlyWhenTheApiHasNotSeenThem) {
  const auto write = [&](Cluster& cluster) {
    return wait(cluster.write({.kind = Write::Kind::kPatch,
                               .what = default_namespace(),
                               .content_type = "application/merge-patch+json",
                               .body = R"({"metadata":{"labels":{"written":"yes"}}})"},
                              caller()));
  };
  FaultProxy busy(
      [&](const std::string&, int number) { return number < 2 ? reply("429 Too Many") : Fault(); });
  EXPECT_TRUE(write(*open(busy.kubeconfig())));
  EXPECT_EQ(busy.lines().size(), 3U);
  for (const Fault& fault : {reply("503 Away"), reply("500 Broken"), Fault{.kind = Fault::Kind::kDrop}}) {
    FaultProxy proxy([&](const std::string&, int) { return fault; });
    EXPECT_FALSE(write(*open(proxy.kubeconfig())));
    EXPECT_EQ(proxy.lines().size(), 1U);
  }
}

TEST_F(Faults, AServerThatSaysNothingIsGivenUp) {
  FaultProxy proxy([](const std::string&, int) { return Fault{.kind = Fault::Kind::kStall, .bytes = 10}; });
  const auto cluster = open(proxy.kubeconfig());
  const auto began = std::chrono::steady_clock::now();
  const auto got = get(*cluster);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, Failure::Kind::kUnavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 15s);
}

TEST_F(Faults, ASlowBodyArrives) {
  FaultProxy proxy([](const std::string&, int) { return Fault{.kind = Fault::Kind::kSlow}; });
  const auto cluster = open(proxy.kubeconfig());
  const auto got = wait(cluster->server_version(caller()));
  EXPECT_TRUE(got) << shown(got.error());
  EXPECT_EQ(proxy.lines().size(), 1U);
}

TEST_F(Faults, ASilentServerMustNotBeTrustedBlindly) {
  net::TestAuthority other;
  net::ScriptedServer server([](net::ScriptedConnection& c) { c.wait_closed(); },
                             net::ScriptedTls{.identity = other.issue("IP:127.0.0.1")});
  auto config = read_kubeconfig(api().kubeconfig(), "").value();
  config.server = net::Url::parse(server.url()).value();
  const auto cluster = open_cluster(std::move(config), metrics_, quick()).value();
  const auto got = wait(cluster->server_version(caller()));
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().text, HasSubstr("not trusted"));
}

TEST_F(Faults, AnswersThatAreNone) {
  const std::string deep = "{\"a\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  for (const std::string& body :
       {std::string("{"), std::string("[]"), std::string("hello"), deep, std::string("{\"a\":\"\xff\"}"),
        std::string(R"({"metadata":{"name":7}})"), std::string()}) {
    FaultProxy proxy(
        [&](const std::string&, int) { return Fault{.kind = Fault::Kind::kChange, .body = body}; });
    const auto cluster = open(proxy.kubeconfig());
    const auto got = get(*cluster);
    ASSERT_FALSE(got) << body.substr(0, 100);
    EXPECT_THAT(got.error().text, HasSubstr("the API's answer cannot be used")) << body.substr(0, 100);
    const auto listing = cluster->list(kMaps, "default", {}, caller());
    const auto listed = names(*listing);
    ASSERT_FALSE(listed) << body.substr(0, 100);
    EXPECT_THAT(listed.error().text, HasSubstr("list")) << body.substr(0, 100);
  }
  const char* lists[] = {"[]",
                         "1",
                         "{}",
                         R"({"items":{}})",
                         R"({"items":7})",
                         R"({"items":"[]"})",
                         R"({"items":[1]})",
                         R"({"items":[null]})",
                         R"({"items":[{}{}]})",
                         R"({"items":[{},]})",
                         R"({"items":[{"metadata":{"name":{}}}]})",
                         R"({"items":[{"metadata":{"namespace":[]}}]})",
                         R"({"items":[{"a":01}]})",
                         R"({"items":[{"a":tru}]})",
                         R"({"items":[{"a"}]})",
                         R"({"items":[{}],"metadata":{"continue":{}}})",
                         R"({"items":[{}],"kind":[]})",
                         R"({"items":[{}]}{"items":[{}]})",
                         R"({"items":[{}],"items":[{}]})",
                         R"({"metadata":{"name":"none"}})",
                         "\xef\xbb\xbf{\"items\":[]}",
                         "{\"items\":[{\"a\":\"\xc3\x28\"}]}"};
  for (const char* body : lists) {
    FaultProxy proxy(
        [&](const std::string&, int) { return Fault{.kind = Fault::Kind::kChange, .body = body}; });
    const auto cluster = open(proxy.kubeconfig());
    const auto listed = names(*cluster->list(kMaps, "default", {}, caller()));
    ASSERT_FALSE(listed) << body;
    EXPECT_THAT(listed.error().text, HasSubstr("list")) << body;
  }
  FaultProxy large([&](const std::string&, int) {
    return Fault{.kind = Fault::Kind::kChange,
                 .body = "{\"a\":\"" + std::string(kMaxAnswerBytes, 'a') + "\"}"};
  });
  EXPECT_EQ(get(*open(large.kubeconfig())).error().kind, Failure::Kind::kTooLarge);
}

TEST_F(Faults, ListsGoOnOverFaultsBetweenPages) {
  make_maps("paged", 25, 100'000);
  FaultProxy proxy([&](const std::string& line, int number) -> Fault {
    if (!line.contains("configmaps")) return {};
    if (number % 3 == 1) return reply("503 Away");
    if (number % 3 == 2) return {.kind = Fault::Kind::kCut, .bytes = 150'000};
    return {};
  });
  const auto cluster = open(proxy.kubeconfig());
  const auto listing = cluster->list(kMaps, "paged", {}, caller());
  const auto all = names(*listing);
  ASSERT_TRUE(all) << shown(all.error());
  EXPECT_EQ(std::set<std::string>(all->begin(), all->end()).size(), 25U);
  EXPECT_EQ(all->size(), 25U);
}

TEST_F(Faults, ConnectionsAreUsedAgain) {
  FaultProxy proxy([](const std::string&, int) { return Fault(); });
  const auto cluster = open(proxy.kubeconfig());
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(get(*cluster));
  EXPECT_EQ(proxy.lines().size(), 20U);
  EXPECT_EQ(proxy.accepted(), 1);
}

TEST_F(Faults, EveryKindOfCredentialWorks) {
  for (const char* context : {"admin", "certificate", "certificate-files", "token-file"}) {
    const auto got = get(*open(api().kubeconfig(), context));
    EXPECT_TRUE(got) << context << ": " << shown(got.error());
  }
  for (const char* context : {"reader", "nobody"}) {
    const auto got = get(*open(api().kubeconfig(), context));
    ASSERT_FALSE(got) << context;
    EXPECT_EQ(got.error().status.code, 403);
  }
}

TEST_F(Faults, APodIsItsServiceAccount) {
  api().make("/api/v1/namespaces/open/serviceaccounts", {{"metadata", {{"name", "pod"}}}});
  const auto made = api().make("/api/v1/namespaces/open/serviceaccounts/pod/token",
                               {{"spec", {{"expirationSeconds", 600}}}});
  const auto folder = api().folder() / "account";
  std::filesystem::create_directory(folder);
  std::filesystem::copy(api().folder() / "ca.pem", folder / "ca.crt");
  std::ofstream(folder / "token") << made["status"]["token"].get<std::string>();
  const std::string url = api().url();
  auto config =
      read_pod_account({.folder = folder, .host = "127.0.0.1", .port = url.substr(url.rfind(':') + 1)});
  ASSERT_TRUE(config) << config.error().to_string();
  const auto cluster = open_cluster(std::move(*config), metrics_, quick()).value();
  EXPECT_TRUE(wait(cluster->server_version(caller())));
  const auto refused = get(*cluster);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().status.message, HasSubstr("system:serviceaccount:open:pod"));
}

TEST_F(Faults, AnExpiredTokenIsReadAgain) {
  const auto file = api().folder() / "rotated.token";
  std::ofstream(file) << "old-and-expired\n";
  auto config = read_kubeconfig(api().kubeconfig(), "token-file").value();
  config.token_file = file;
  const auto cluster = open_cluster(std::move(config), metrics_, quick()).value();
  const auto refused = get(*cluster);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status.code, 401);
  std::ofstream(file) << api().token("admin") << "\n";
  const auto got = get(*cluster);
  EXPECT_TRUE(got) << shown(got.error());
  // It expires; the next one is there when the API says so.
  std::ofstream(file) << api().token("nobody") << "\n";
  EXPECT_TRUE(get(*cluster)) << "the old one is still used";
}

TEST_F(Faults, CredentialsAreInNoText) {
  FaultProxy proxy([&](const std::string&, int) { return reply("401 No", "", "{}"); });
  const auto cluster = open(proxy.kubeconfig());
  const auto got = get(*cluster);
  ASSERT_FALSE(got);
  EXPECT_THAT(proxy.authorization(), HasSubstr(api().token("admin")));
  EXPECT_THAT(shown(got.error()), Not(HasSubstr(api().token("admin"))));
  EXPECT_THAT(metrics_.expose(), Not(HasSubstr(api().token("admin"))));
}

TEST_F(Faults, RequestsAndTriesAreCounted) {
  FaultProxy proxy([&](const std::string&, int number) { return number == 0 ? reply("503 Away") : Fault(); });
  const auto cluster = open(proxy.kubeconfig());
  ASSERT_TRUE(get(*cluster));
  const std::string shown = metrics_.expose();
  EXPECT_THAT(shown,
              HasSubstr(R"(berth_kubernetes_requests_total{cluster="admin",code="503",verb="get"} 1)"));
  EXPECT_THAT(shown,
              HasSubstr(R"(berth_kubernetes_requests_total{cluster="admin",code="200",verb="get"} 1)"));
  EXPECT_THAT(shown, HasSubstr(R"(berth_kubernetes_retries_total{cluster="admin"} 1)"));
}

TEST_F(Faults, DiscoveryWorksWithServersThatCannotAggregate) {
  const auto plain = open(api().kubeconfig());
  const auto all = wait(plain->discover(caller()));
  ASSERT_TRUE(all) << shown(all.error());
  const auto has = [](const std::vector<ApiResource>& all, std::string_view resource) {
    return std::ranges::any_of(all, [&](const ApiResource& one) {
      return one.resource.shown() == resource && !one.kind.empty() && !one.verbs.empty();
    });
  };
  for (const char* resource : {"pods", "nodes", "deployments.apps", "pods/log"})
    EXPECT_TRUE(has(*all, resource)) << resource;
  // An old server answers the same question with lists of versions.
  const std::string api_versions = R"({"kind":"APIVersions","versions":["v1"]})";
  const std::string groups =
      R"({"kind":"APIGroupList","groups":[{"name":"apps","versions":[{"groupVersion":"apps/v1","version":"v1"}]},
    {"name":"away.example","versions":[{"groupVersion":"away.example/v1","version":"v1"}]}]})";
  FaultProxy proxy([&](const std::string& line, int) -> Fault {
    if (line == "GET /api") return {.kind = Fault::Kind::kChange, .body = api_versions};
    if (line == "GET /apis") return {.kind = Fault::Kind::kChange, .body = groups};
    if (line.contains("away.example")) return reply("503 Away");
    return {};
  });
  const auto old = wait(open(proxy.kubeconfig())->discover(caller()));
  ASSERT_TRUE(old) << shown(old.error());
  for (const char* resource : {"pods", "nodes", "deployments.apps"})
    EXPECT_TRUE(has(*old, resource)) << resource;
}

}  // namespace
}  // namespace berth::kubernetes
