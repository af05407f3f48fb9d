// keyvalue as a guest meets it: the conformance table through a guest that relays it, denials, hoarding, and
// guests that wait.
#include <bindings/relay_bindings.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include "capabilities/keyvalue/conformance.h"
#include "capabilities/keyvalue/test_redis.h"
#include "world.h"

namespace berth::capability_guests {
namespace {

namespace fs = std::filesystem;
namespace relay = wit::relayed::test::relay;
using keyvalue::Bytes;
using keyvalue::Value;
using keyvalue::conformance::bytes;
using keyvalue::conformance::wait;

// One guest with buckets "a" and "b".
class Relay {
 public:
  explicit Relay(const std::string& buckets) {
    const auto started = world_.start("caps_keyvalue", {{"keyvalue", buckets}});
    if (!started) throw std::runtime_error(started.error().to_string());
    auto guest = relay::BucketExport::create(*static_cast<abi::Instance*>(world_.guest().exports()));
    EXPECT_TRUE(guest) << guest.error().to_string();
    guest_.emplace(*guest);
  }

  // A call of the guest: one at a time.
  template <class T, class F>
  Result<T> call(F begin, std::chrono::milliseconds deadline = std::chrono::seconds(60)) {
    std::lock_guard lock(mutex_);
    world_.guest().set_deadline(deadline);
    auto said = wait(begin(*guest_));
    if (!said) return fail(std::move(said).error());
    if constexpr (requires { said->error(); }) {
      if (!*said) return fail(code_of(said->error()), said->error());
      if constexpr (std::is_void_v<T>)
        return {};
      else
        return std::move(**said);
    } else {
      return std::move(*said);
    }
  }
  World& world() { return world_; }

 private:
  // The guest has only the text.
  static Code code_of(std::string_view text) {
    if (text.contains("is the most") || text.contains("ask for fewer")) return Code::kResourceExhausted;
    if (text.contains("empty") || text.contains("decimal digits") || text.contains("does not fit") ||
        text.contains("cursor"))
      return Code::kInvalidArgument;
    return Code::kUnavailable;
  }

  World world_;
  std::mutex mutex_;
  std::optional<relay::BucketExport> guest_;
};

// A bucket as its guest sees it.
class RelayedBucket final : public keyvalue::Bucket {
 public:
  RelayedBucket(Relay& relay, std::string name) : relay_(relay), name_(std::move(name)) {}

  Task<Result<std::vector<Value>>> get(std::vector<std::string> keys) override {
    co_return relay_.call<std::vector<Value>>([&](auto& g) { return g.get_async(name_, std::move(keys)); });
  }
  Task<Result<bool>> exists(std::string key) override {
    co_return relay_.call<bool>([&](auto& g) { return g.exists_async(name_, std::move(key)); });
  }
  Task<Result<void>> set(std::vector<std::tuple<std::string, Bytes>> entries) override {
    co_return relay_.call<void>([&](auto& g) { return g.set_async(name_, std::move(entries)); });
  }
  Task<Result<void>> remove(std::vector<std::string> keys) override {
    co_return relay_.call<void>([&](auto& g) { return g.remove_async(name_, std::move(keys)); });
  }
  Task<Result<std::int64_t>> increment(std::string key, std::int64_t delta) override {
    co_return relay_.call<std::int64_t>(
        [&](auto& g) { return g.increment_async(name_, std::move(key), delta); });
  }
  Task<Result<keyvalue::Swapped>> swap(std::string key, Value expected, Bytes value) override {
    auto swapped = relay_.call<relay::bucket::Swapped>(
        [&](auto& g) { return g.swap_async(name_, std::move(key), std::move(expected), std::move(value)); });
    if (!swapped) co_return fail(std::move(swapped).error());
    co_return keyvalue::Swapped{swapped->done, std::move(swapped->now)};
  }
  Task<Result<keyvalue::Page>> list(std::optional<std::string> cursor) override {
    auto page = relay_.call<relay::bucket::Page>(
        [&](auto& g) { return g.list_keys_async(name_, std::move(cursor)); });
    if (!page) co_return fail(std::move(page).error());
    co_return keyvalue::Page{std::move(page->keys), std::move(page->cursor)};
  }

 private:
  Relay& relay_;
  std::string name_;
};

class Folder {
 public:
  Folder() {
    std::string name = ::testing::TempDir() + "/berth-keyvalue-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string buckets() const {
    return "{ a: { sqlite: " + (path_ / "a.db").string() + " }, b: { sqlite: " + (path_ / "b.db").string() +
           " } }";
  }

 private:
  fs::path path_;
};

std::string printed(const testing::TestParamInfo<keyvalue::conformance::Case>& info) {
  return std::string(info.param.name);
}

class KeyvalueGuest : public testing::TestWithParam<keyvalue::conformance::Case> {
 protected:
  static void run(const std::string& buckets) {
    Relay relay(buckets);
    RelayedBucket a(relay, "a");
    RelayedBucket b(relay, "b");
    GetParam().run(a, b);
  }
};
TEST_P(KeyvalueGuest, ConformsOnSqlite) {
  const Folder folder;
  run(folder.buckets());
}
TEST_P(KeyvalueGuest, ConformsOnRedis) {
  const keyvalue::TestRedis server;
  run("{ a: { redis: " + server.url() + " }, b: { redis: " + server.url() + " } }");
}
INSTANTIATE_TEST_SUITE_P(Table, KeyvalueGuest, testing::ValuesIn(keyvalue::conformance::kCases), printed);

TEST(Keyvalue, IsRefusedWithoutAGrant) {
  World world;
  const auto refused = world.start("caps_keyvalue", {});
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().to_string().contains("keyvalue: {}")) << refused.error().to_string();
}

TEST(Keyvalue, AnotherBucketIsDeniedAndLoggedWithTheLine) {
  const Folder folder;
  Relay relay(folder.buckets());
  RelayedBucket other(relay, "c");
  EXPECT_EQ(wait(other.exists("x")).error().message(), "access-denied");
  EXPECT_TRUE(
      relay.world().process.logged("denied: the bucket \"c\"; to allow it, write under "
                                   "workloads.shop.grants: keyvalue: { c: { sqlite: FILE } }"));
  RelayedBucket hostile(relay, "c\r\n} forged");
  EXPECT_EQ(wait(hostile.exists("x")).error().message(), "access-denied");
  EXPECT_TRUE(relay.world().process.metrics().expose().contains("capability=\"keyvalue\""));
}

TEST(Keyvalue, AFailedSwapGivesAHandleThatWorks) {
  const Folder folder;
  Relay relay(folder.buckets());
  using Both = std::tuple<Value, Value>;
  auto retried =
      relay.call<Both>([](auto& g) { return g.retry_async("a", "k", bytes("theirs"), bytes("mine")); });
  ASSERT_TRUE(retried) << retried.error().message();
  EXPECT_EQ(*retried, Both(bytes("theirs"), bytes("mine")));
}

TEST(Keyvalue, CasHandlesHoldABoundedAmount) {
  const Folder folder;
  Relay relay(folder.buckets());
  RelayedBucket a(relay, "a");
  std::vector<std::tuple<std::string, Bytes>> entries;
  entries.emplace_back("large", Bytes(keyvalue::kMaxValueBytes));
  ASSERT_TRUE(wait(a.set(std::move(entries))));
  using Hoarded = std::tuple<std::uint32_t, std::string>;
  const auto hoard = [&](const char* key, std::uint32_t count) {
    auto hoarded = relay.call<Hoarded>([&](auto& g) { return g.hoard_async("a", key, count); });
    EXPECT_TRUE(hoarded) << hoarded.error().message();
    return hoarded ? *hoarded : Hoarded();
  };
  const auto [most, why] = hoard("large", 100);
  EXPECT_EQ(most, keyvalue::kMaxCasBytes / keyvalue::kMaxValueBytes);
  EXPECT_TRUE(why.contains("drop some")) << why;
  EXPECT_EQ(std::get<0>(hoard("large", 1)), 0U) << "they are kept";
  EXPECT_EQ(std::get<0>(hoard("none", 1000)), 1000U) << "absence takes nothing; all are dropped now";
  EXPECT_EQ(std::get<0>(hoard("large", 1)), 1U);
}

TEST(Keyvalue, AHangingBackendIsAnErrorValueAndALineForTheOperator) {
  const keyvalue::TestRedis server;
  Relay relay("{ a: { redis: " + server.url() + " } }");
  RelayedBucket bucket(relay, "a");
  ASSERT_TRUE(wait(bucket.exists("x")));
  ::kill(server.process(), SIGSTOP);
  const auto away = wait(bucket.exists("x"));
  ::kill(server.process(), SIGCONT);
  ASSERT_FALSE(away);
  EXPECT_TRUE(away.error().message().contains("the connection was lost")) << away.error().message();
  EXPECT_TRUE(relay.world().process.logged("the connection was lost"));
  EXPECT_TRUE(wait(bucket.exists("x"))) << "the guest goes on";
}

// A deadline ends a guest that waits; its call goes on without it, and may outlive the instance.
TEST(Keyvalue, ADeadlineEndsAWaitingGuest) {
  const keyvalue::TestRedis server;
  Relay relay("{ a: { redis: " + server.url() + " } }");
  RelayedBucket bucket(relay, "a");
  ASSERT_TRUE(wait(bucket.exists("x")));
  ::kill(server.process(), SIGSTOP);
  const auto late =
      relay.call<bool>([](auto& g) { return g.exists_async("a", "x"); }, std::chrono::milliseconds(100));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), Code::kDeadlineExceeded) << late.error().to_string();
  relay.world().stop();
}

}  // namespace
}  // namespace berth::capability_guests
