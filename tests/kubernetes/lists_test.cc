// Lists that many read: asked for once, whole for each, in bounded memory; and lists that expire while they
// are read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "cluster_fixture.h"
#include "net/test_memory.h"

namespace berth::kubernetes {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class Lists : public ClusterTest {
 protected:
  static int asked() { return api().requests("configmaps", "LIST"); }
  static std::size_t count(const std::vector<std::string>& names) {
    return std::set<std::string>(names.begin(), names.end()).size();
  }
};

TEST_F(Lists, EightReadersAskLikeOne) {
  make_maps("shared", 95, 3000);
  const auto cluster = open(api().kubeconfig());
  const int before = asked();
  ASSERT_EQ(names(*cluster->list(kMaps, "shared", {}, caller())).value().size(), 95U);
  const int alone = asked() - before;
  EXPECT_EQ(alone, 10);
  std::vector<std::unique_ptr<Listing>> listings;
  for (int i = 0; i < 8; ++i) listings.push_back(cluster->list(kMaps, "shared", {}, caller(60s)));
  std::vector<std::jthread> threads;
  std::atomic<int> whole = 0;
  for (auto& listing : listings)
    threads.emplace_back([&] {
      const auto all = names(*listing);
      if (all && all->size() == 95 && count(*all) == 95) ++whole;
    });
  threads.clear();
  EXPECT_EQ(whole, 8);
  EXPECT_EQ(asked() - before, 2 * alone);
  // One that comes later still shares it; one that wants it newer, or hides something else, does not.
  EXPECT_EQ(names(*cluster->list(kMaps, "shared", {}, caller(60s))).value().size(), 95U);
  EXPECT_EQ(asked() - before, 2 * alone);
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(names(*cluster->list(kMaps, "shared", {}, caller(10ms))).value().size(), 95U);
  EXPECT_EQ(asked() - before, 3 * alone);
  const Redactions other({{"configmaps", {RedactedPath::parse("data").value()}}});
  EXPECT_EQ(names(*cluster->list(kMaps, "shared", {}, {.hidden = other.of("configmaps"), .max_age = 60s}))
                .value()
                .size(),
            95U);
  EXPECT_EQ(asked() - before, 4 * alone);
  EXPECT_EQ(names(*cluster->list(kMaps, "shared", {"", "metadata.name=map-7"}, caller(60s))).value(),
            std::vector<std::string>{"map-7"});
}

// 100 MB of objects, read by eight at different paces.
TEST_F(Lists, MemoryIsBounded) {
  constexpr int kObjects = 500;
  constexpr std::size_t kBytes = 200'000;
  api().make("/api/v1/namespaces", {{"metadata", {{"name", "large"}}}});
  for (int i = 0; i < kObjects; ++i) make_map("large", "map-" + std::to_string(i), kBytes);
  auto config = read_kubeconfig(api().kubeconfig(), "").value();
  const auto cluster = open_cluster(std::move(config), metrics_).value();
  ASSERT_TRUE(wait(cluster->server_version(caller())));
  const net::PeakMemory memory;
  std::vector<std::unique_ptr<Listing>> listings;
  for (int i = 0; i < 8; ++i) listings.push_back(cluster->list(kMaps, "large", {}, caller(600s)));
  std::vector<std::size_t> objects(listings.size()), bytes(listings.size());
  for (int round = 1, open = 8; open > 0; ++round) {
    open = 0;
    for (std::size_t i = 0; i < listings.size(); ++i) {
      if (listings[i] == nullptr) continue;
      ++open;
      if (round % static_cast<int>(i + 1) != 0) continue;
      const auto items = wait(listings[i]->next());
      ASSERT_TRUE(items) << shown(items.error());
      for (const Item& item : *items) bytes[i] += item.object.size();
      objects[i] += items->size();
      if (items->empty()) listings[i].reset();
    }
  }
  const std::uint64_t most = memory.grown();
  EXPECT_EQ(objects, std::vector<std::size_t>(8, kObjects));
  EXPECT_GE(bytes[0], kObjects * kBytes);
  EXPECT_LE(most, net::PeakMemory::kLittle);
}

TEST_F(Lists, OneThatExpiresWhileItIsReadSaysSo) {
  make_maps("expires", 45, 100);
  const auto cluster = open(api().kubeconfig());
  const auto listing = cluster->list(kMaps, "expires", {}, caller(60s));
  auto first = wait(listing->next());
  ASSERT_TRUE(first);
  EXPECT_EQ(first->size(), 10U);
  // The second page may be there already.
  make_map("expires", "later", 10);
  api().compact();
  Answer<std::vector<std::string>> rest = names(*listing);
  ASSERT_FALSE(rest);
  EXPECT_EQ(rest.error().status.code, 410);
  EXPECT_EQ(rest.error().status.reason, "Expired");
  // Who begins now does not share what failed.
  const auto again = names(*cluster->list(kMaps, "expires", {}, caller(60s)));
  ASSERT_TRUE(again) << shown(again.error());
  EXPECT_EQ(again->size(), 46U);
}

TEST_F(Lists, OneOfWhichNobodyHadAnythingBeginsAgain) {
  make_maps("again", 25, 100);
  FaultProxy proxy([&](const std::string& line, int number) -> Fault {
    if (!line.contains("configmaps")) return {};
    if (number == 0)
      return {
          .kind = Fault::Kind::kChange,
          .body =
              R"({"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"1","continue":"x"},"items":[]})"};
    if (number == 1)
      return {.kind = Fault::Kind::kReply,
              .status = "410 Gone",
              .body = R"({"kind":"Status","reason":"Expired","code":410})"};
    return {};
  });
  const auto cluster = open(proxy.kubeconfig());
  const auto all = names(*cluster->list(kMaps, "again", {}, caller()));
  ASSERT_TRUE(all) << shown(all.error());
  EXPECT_EQ(count(*all), 25U);
}

TEST_F(Lists, OneThatNeverEndsIsGivenUp) {
  std::atomic<std::uint32_t> pages = 0;
  net::ScriptedServer server(
      [&](net::ScriptedConnection& connection) {
        while (!connection.request().empty()) {
          ++pages;
          connection.reply("200 OK", "", R"({"metadata":{"continue":"more"},"items":[]})");
        }
      },
      net::ScriptedTls{
          .identity = {.certificate_pem = api().file("server.pem"), .key_pem = api().file("server.key")}});
  auto config = read_kubeconfig(api().kubeconfig(), "").value();
  config.server = net::Url::parse(server.url()).value();
  const auto cluster = open_cluster(std::move(config), metrics_, quick()).value();
  const auto none = names(*cluster->list(kMaps, "default", {}, caller()));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, Failure::Kind::kTooLarge) << shown(none.error());
  EXPECT_EQ(pages, kMaxPages);
}

TEST_F(Lists, FailuresReachEveryReader) {
  FaultProxy proxy([&](const std::string&, int) {
    return Fault{.kind = Fault::Kind::kReply,
                 .status = "403 No",
                 .body = R"({"kind":"Status","reason":"Forbidden","code":403})"};
  });
  const auto cluster = open(proxy.kubeconfig());
  for (int i = 0; i < 3; ++i) {
    const auto none = names(*cluster->list(kMaps, "default", {}, caller(60s)));
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().status.reason, "Forbidden");
  }
  EXPECT_EQ(proxy.lines().size(), 3U) << "what failed is not kept";
}

TEST_F(Lists, WhoIsStoppedDoesNotWait) {
  FaultProxy proxy([&](const std::string&, int) { return Fault{.kind = Fault::Kind::kStall, .bytes = 20}; });
  const auto cluster = open(proxy.kubeconfig());
  std::stop_source stop;
  Caller stopped = caller(60s);
  stopped.stop = stop.get_token();
  const auto listing = cluster->list(kMaps, "default", {}, std::move(stopped));
  const std::jthread later([&] {
    std::this_thread::sleep_for(100ms);
    stop.request_stop();
  });
  const auto began = std::chrono::steady_clock::now();
  const auto none = names(*listing);
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().text, HasSubstr("being stopped"));
  EXPECT_LT(std::chrono::steady_clock::now() - began, 2s);
}

}  // namespace
}  // namespace berth::kubernetes
