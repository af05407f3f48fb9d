// Watches: what is there, what changes, over lost connections, compaction, silence and slow readers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <thread>

#include "cluster_fixture.h"

namespace berth::kubernetes {
namespace {

using namespace std::chrono_literals;

// What a reader of a watch knows: the state that the events lead to. One thread at a time.
struct Seen {
  std::set<std::string> names;
  int synced = 0, restarted = 0, modified = 0, events = 0;

  void take(const std::vector<Event>& batch) {
    for (const Event& event : batch) {
      ++events;
      switch (event.kind) {
        case Event::Kind::kAdded: names.insert(event.item.name); break;
        case Event::Kind::kModified: ++modified; break;
        case Event::Kind::kDeleted: names.erase(event.item.name); break;
        case Event::Kind::kSynced: ++synced; break;
        case Event::Kind::kRestarted: ++restarted; names.clear();
      }
    }
  }
};

class Watches : public ClusterTest {
 protected:
  // Until `done`, for at most 20 s.
  template <class F>
  static void follow(Watch& watch, Seen& seen, F done) {
    const auto until = std::chrono::steady_clock::now() + 20s;
    while (!done() && std::chrono::steady_clock::now() < until) {
      auto batch = wait(watch.next(500ms));
      ASSERT_TRUE(batch) << shown(batch.error());
      seen.take(*batch);
    }
    EXPECT_TRUE(done()) << ::testing::PrintToString(seen.names);
  }
  static void remove(const std::string& ns, const std::string& name) {
    EXPECT_EQ(api().request("DELETE", "/api/v1/namespaces/" + ns + "/configmaps/" + name).status, 200);
  }
  static void label(const std::string& ns, const std::string& name, const std::string& value) {
    EXPECT_EQ(
        api()
            .request("PATCH", "/api/v1/namespaces/" + ns + "/configmaps/" + name, "",
                     R"({"metadata":{"labels":{"l":")" + value + "\"}}}", "application/merge-patch+json")
            .status,
        200);
  }
  static bool is_watch(const std::string& line) { return line.contains("watch=1"); }
};

TEST_F(Watches, TellWhatIsThereAndWhatChanges) {
  make_maps("watched", 15, 100);
  const auto cluster = open(api().kubeconfig());
  const auto watch = cluster->watch(kMaps, "watched", {}, caller());
  Seen seen;
  follow(*watch, seen, [&] { return seen.synced == 1; });
  EXPECT_EQ(seen.names.size(), 15U);
  EXPECT_TRUE(wait(watch->next(50ms)).value().empty()) << "nothing happens";
  make_map("watched", "new", 10);
  label("watched", "map-1", "a");
  remove("watched", "map-2");
  follow(*watch, seen,
         [&] { return seen.names.contains("new") && seen.modified == 1 && !seen.names.contains("map-2"); });
  EXPECT_EQ(seen.synced, 1);
}

TEST_F(Watches, GoOnWhereAConnectionBroke) {
  make_maps("broken", 3, 100);
  std::atomic<int> watches = 0;
  FaultProxy proxy([&](const std::string& line, int) -> Fault {
    if (!is_watch(line)) return {};
    switch (watches++) {
      case 0: return {.kind = Fault::Kind::kCut, .bytes = 700};
      case 1: return {.kind = Fault::Kind::kDrop};
      case 2: return {.kind = Fault::Kind::kReply, .status = "503 Away"};
      case 3: return {.kind = Fault::Kind::kReply, .status = "429 Too Many", .headers = "Retry-After: 1\r\n"};
      case 4: return {.kind = Fault::Kind::kChange, .body = "{\"type\":\"ADDED\"}\n"};
      default: return {};
    }
  });
  const auto cluster = open(proxy.kubeconfig());
  const auto watch = cluster->watch(kMaps, "broken", {}, caller());
  Seen seen;
  follow(*watch, seen, [&] { return seen.synced == 1; });
  for (int i = 0; i < 10; ++i) make_map("broken", "later-" + std::to_string(i), 50);
  follow(*watch, seen, [&] { return seen.names.size() == 13; });
  EXPECT_EQ(seen.events, 3 + 1 + 10) << "nothing is told twice";
  EXPECT_EQ(seen.restarted, 0);
  EXPECT_GE(watches, 5);
}

TEST_F(Watches, BeginAnewWhereTheApiForgot) {
  make_maps("forgotten", 5, 100);
  std::atomic<int> watches = 0;
  std::atomic<bool> hold = true;
  FaultProxy proxy([&](const std::string& line, int) -> Fault {
    if (!is_watch(line)) return {};
    if (watches++ == 0) return {.kind = Fault::Kind::kDrop};
    while (hold) std::this_thread::sleep_for(10ms);
    if (watches == 2)
      return {
          .kind = Fault::Kind::kChange,
          .body =
              R"({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}})"
              "\n"};
    return {};
  });
  const auto cluster = open(proxy.kubeconfig());
  const auto watch = cluster->watch(kMaps, "forgotten", {}, caller(60s));
  Seen seen;
  follow(*watch, seen, [&] { return seen.synced == 1; });
  remove("forgotten", "map-0");
  make_map("forgotten", "new", 10);
  hold = false;
  follow(*watch, seen, [&] { return seen.synced == 2; });
  EXPECT_EQ(seen.restarted, 1);
  EXPECT_EQ(seen.names, (std::set<std::string>{"map-1", "map-2", "map-3", "map-4", "new"}));
  make_map("forgotten", "newer", 10);
  follow(*watch, seen, [&] { return seen.names.contains("newer"); });
}

TEST_F(Watches, ASilentConnectionIsFound) {
  make_maps("silent", 1, 100);
  std::atomic<int> watches = 0;
  FaultProxy proxy([&](const std::string& line, int) -> Fault {
    // The head comes, and the first bytes of an event; then nothing more.
    if (is_watch(line) && watches++ == 0) return {.kind = Fault::Kind::kStall, .bytes = 10};
    return {};
  });
  const auto cluster = open(proxy.kubeconfig());
  const auto watch = cluster->watch(kMaps, "silent", {}, caller());
  Seen seen;
  follow(*watch, seen, [&] { return seen.synced == 1; });
  make_map("silent", "new", 10);
  follow(*watch, seen, [&] { return seen.names.contains("new"); });
  EXPECT_GE(watches, 2);
}

// 20 MB of events while nobody reads: they do not wait in memory, and none is lost.
TEST_F(Watches, ASlowReaderLosesNothing) {
  make_maps("slow", 1, 100);
  const auto cluster = open(api().kubeconfig());
  const auto watch = cluster->watch(kMaps, "slow", {}, caller());
  Seen seen;
  follow(*watch, seen, [&] { return seen.synced == 1; });
  for (int i = 0; i < 100; ++i) make_map("slow", "big-" + std::to_string(i), 200'000);
  follow(*watch, seen, [&] { return seen.names.size() == 101; });
  EXPECT_EQ(seen.events, 1 + 1 + 100);
}

TEST_F(Watches, WhatWasRefusedIsSaid) {
  const auto cluster = open(api().kubeconfig(), "nobody");
  const auto watch = cluster->watch(kMaps, "default", {}, caller());
  const auto refused = wait(watch->next(500ms));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status.code, 403);
}

}  // namespace
}  // namespace berth::kubernetes
