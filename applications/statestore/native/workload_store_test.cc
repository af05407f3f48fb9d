// Tests of the whole native path: HTTP, the host's calls and swaps, a native store. Also runs under TSan.
#include "applications/statestore/native/workload_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "applications/statestore/native/native_guest.h"
#include "applications/statestore/native/state_servers.h"
#include "host/host.h"
#include "host/wait.h"
#include "net/raw_client.h"

namespace berth::statestore {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class WorkloadStoreTest : public testing::Test {
 protected:
  WorkloadStoreTest() {
    host::WorkloadSpec spec{.name = "store", .instances = host::InstancePolicy::one(), .drain = 5s};
    workload_ = host_.start(spec, native_store_version("sha256:0")).value();
    store_ = std::make_shared<WorkloadStore>(host::Typed<Store>::of(workload_).value());
    EXPECT_TRUE(servers_.add(trigger("store"), store_));
    EXPECT_TRUE(servers_.start());
    const auto address = servers_.addresses().at(0);
    port_ = static_cast<std::uint16_t>(std::stoi(address.substr(address.find(':', 7) + 1)));
  }
  ~WorkloadStoreTest() override { servers_.stop(5s); }

  static StateTrigger trigger(std::string name) {
    return {.store = std::move(name),
            .listen = manifest::Endpoint{"127.0.0.1", 0},
            .app_id = "app",
            .max_body_bytes = 1 << 20,
            .settings = {}};
  }
  static std::string post(std::string_view body) {
    return "POST /v1.0/state/store HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + std::string(body);
  }
  static std::string get(std::string_view key) {
    return "GET /v1.0/state/store/" + std::string(key) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  }

  telemetry::Metrics metrics_;
  std::unique_ptr<net::IoContext> io_ = net::IoContext::create(3).value();
  host::Host host_{*io_, metrics_};
  std::shared_ptr<host::Workload> workload_;
  std::shared_ptr<Store> store_;
  StateServers servers_{*io_};
  std::uint16_t port_ = 0;
};

TEST_F(WorkloadStoreTest, SwapsUnderLoadLoseNothingAndKeepTheOrder) {
  constexpr int kClients = 4;
  constexpr int kWrites = 400;
  std::atomic<int> wrong{0};
  std::vector<std::jthread> clients;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&, c] {
      net::RawClient client(port_);
      const std::string key = "key" + std::to_string(c);
      for (int i = 0; i < kWrites; ++i) {
        // Pipelined: the read must see the write before it.
        client.send(post(R"([{"key":")" + key + R"(","value":)" + std::to_string(i) + "}]") + get(key));
        const bool set = client.response().starts_with("HTTP/1.1 204");
        const bool got = client.response().ends_with("\r\n\r\n" + std::to_string(i));
        wrong += !set + !got;
      }
    });
  }
  std::atomic<bool> done{false};
  std::jthread swapper([&] {
    for (int v = 1; !done; ++v) {
      EXPECT_TRUE(workload_->swap(native_store_version("sha256:" + std::to_string(v))));
      std::this_thread::sleep_for(2ms);
    }
  });
  clients.clear();
  done = true;
  swapper.join();
  EXPECT_EQ(wrong, 0);
  const auto status = workload_->status();
  EXPECT_GT(status.swaps_ok, 2U);
  EXPECT_EQ(status.swaps_failed, 0U);
}

TEST_F(WorkloadStoreTest, AStoppedWorkloadAnswers503) {
  ASSERT_TRUE(host_.stop("store"));
  net::RawClient client(port_);
  client.send(get("a"));
  const auto response = client.response();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(response, HasSubstr("ERR_STATE_GET"));
}

TEST_F(WorkloadStoreTest, StoresOfOneAddressShareAServer) {
  StateServers servers(*io_);
  auto first = trigger("a");
  auto second = trigger("b");
  first.listen->port = second.listen->port = port_;  // taken by the fixture's server
  EXPECT_TRUE(servers.add(first, store_));
  EXPECT_TRUE(servers.add(second, store_));
  const auto twice = servers.add(first, store_);
  ASSERT_FALSE(twice);
  EXPECT_THAT(twice.error().message(), HasSubstr("two state stores are called \"a\""));
  auto elsewhere = trigger("c");
  elsewhere.listen.reset();
  EXPECT_TRUE(servers.add(elsewhere, store_));
  EXPECT_EQ(servers.addresses().size(), 2U);
  EXPECT_EQ(servers.start().error().code(), Code::kAlreadyExists);
}

// Three instances behind one store.
class ShardsTest : public testing::Test {
 protected:
  ShardsTest() {
    host::WorkloadSpec spec{.name = "store", .instances = host::InstancePolicy::shards(3)};
    workload_ = host_.start(spec, native_store_version("sha256:0")).value();
    store_.emplace(host::Typed<Store>::of(workload_).value());
  }
  template <class T>
  T run(Task<T> task) {
    return host::wait_for(std::move(task), {}, [] {});
  }
  std::vector<std::string> all_keys(std::string_view prefix) {
    std::vector<std::string> out;
    std::optional<std::string> after;
    do {
      auto page = run(store_->scan(kNow, prefix, after, 3)).value().value();
      for (auto& item : page.items) out.push_back(std::move(item.key));
      after = std::move(page.next);
    } while (after);
    return out;
  }

  static constexpr Time kNow = 1000;
  telemetry::Metrics metrics_;
  std::unique_ptr<net::IoContext> io_ = net::IoContext::create(2).value();
  host::Host host_{*io_, metrics_};
  std::shared_ptr<host::Workload> workload_;
  std::optional<WorkloadStore> store_;
};

TEST_F(ShardsTest, AreOneStore) {
  std::vector<std::string> keys;
  for (int i = 0; i < 40; ++i) keys.push_back("key" + std::to_string(i));
  std::vector<Write> writes;
  for (const auto& key : keys) writes.push_back({.key = key, .value = key});
  const auto written = run(store_->set_many(kNow, writes)).value().value();
  ASSERT_EQ(written.size(), keys.size());
  std::vector<std::string_view> asked(keys.rbegin(), keys.rend());
  asked.emplace_back("none");
  const auto got = run(store_->get_many(kNow, asked)).value().value();
  ASSERT_EQ(got.size(), asked.size());
  for (std::size_t i = 0; i + 1 < asked.size(); ++i) EXPECT_EQ(got[i].value()->text(), asked[i]);
  EXPECT_FALSE(got.back().value());
  EXPECT_EQ(run(store_->get(kNow, "key7")).value().value()->text(), "key7");
  EXPECT_THAT(all_keys("key"), testing::UnorderedElementsAreArray(keys));
  for (std::uint32_t shard = 0; shard < 3; ++shard) {
    const auto page = run(host::Typed<Store>::of(workload_).value().call_async(
                              {.shard = shard}, [](Store& store) { return store.scan(kNow, "", {}, 100); }))
                          .value()
                          .value();
    EXPECT_GT(page.items.size(), 3U) << "shard " << shard << " has next to nothing";
  }
  ASSERT_TRUE(workload_->swap(native_store_version("sha256:1")));
  EXPECT_THAT(all_keys("key"), testing::UnorderedElementsAreArray(keys));
  std::vector<Removal> removals{{.key = "key1"}, {.key = "key2"}};
  for (const auto& one : run(store_->remove_many(kNow, removals)).value().value()) EXPECT_TRUE(one);
  EXPECT_EQ(run(store_->remove_prefix(kNow, "key")).value().value(), 38U);
  EXPECT_THAT(all_keys(""), testing::IsEmpty());
}

TEST_F(ShardsTest, TransactionsNeedOneShard) {
  const Operation apart[] = {Write{.key = "a", .value = "1"}, Write{.key = "b", .value = "1"},
                             Write{.key = "c", .value = "1"}, Write{.key = "d", .value = "1"}};
  const auto refused = run(store_->transact(kNow, apart)).value();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error.kind, StoreError::Kind::kScattered);
  EXPECT_THAT(refused.error().error.message, HasSubstr("give them the same {tag}"));
  EXPECT_THAT(all_keys(""), testing::IsEmpty());
  const Operation together[] = {Write{.key = "a{17}", .value = "1"}, Write{.key = "b{17}", .value = "1"},
                                Removal{.key = "{17}c"}};
  EXPECT_TRUE(run(store_->transact(kNow, together)).value());
  EXPECT_THAT(all_keys(""), testing::UnorderedElementsAre("a{17}", "b{17}"));
}

TEST_F(ShardsTest, PurgeVisitsEachOfThem) {
  for (int i = 0; i < 40; ++i) {
    const std::string key = "key" + std::to_string(i);
    ASSERT_TRUE(run(store_->set(kNow, {.key = key, .value = "v", .expires = kNow + 1})).value());
  }
  std::uint64_t purged = 0;
  std::optional<std::string> after;
  do {
    auto step = run(store_->purge(kNow + 1, after)).value().value();
    purged += step.entries;
    after = std::move(step.next);
  } while (after);
  EXPECT_EQ(purged, 40U);
  EXPECT_FALSE(run(store_->scan(kNow, "", "7", 1)).value());
  EXPECT_FALSE(run(store_->scan(kNow, "", "x", 1)).value());
}

TEST(TagOf, IsWhatIsInTheFirstBraces) {
  EXPECT_EQ(tag_of("order{17}"), "17");
  EXPECT_EQ(tag_of("{17}a{18}"), "17");
  for (const std::string_view key : {"", "a", "{", "a{}b{17}", "}{", "a{b"}) EXPECT_EQ(tag_of(key), key);
}

}  // namespace
}  // namespace berth::statestore
