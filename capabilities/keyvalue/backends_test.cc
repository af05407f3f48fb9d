// The conformance table against each backend, and what is each backend's own.
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>

#include "capabilities/keyvalue/backends/redis/redis_bucket.h"
#include "capabilities/keyvalue/backends/sqlite/sqlite_bucket.h"
#include "capabilities/keyvalue/conformance.h"
#include "capabilities/keyvalue/test_redis.h"

namespace berth::keyvalue {
namespace {

namespace fs = std::filesystem;
using conformance::bytes;
using conformance::Tried;
using conformance::wait;

class Folder {
 public:
  Folder() {
    std::string name = ::testing::TempDir() + "/berth-keyvalue-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] fs::path operator/(std::string_view name) const { return path_ / name; }

 private:
  fs::path path_;
};

std::unique_ptr<Bucket> sqlite(const fs::path& file, std::uint64_t max_bytes = kDefaultMaxFileBytes) {
  auto bucket = open_sqlite({.file = file, .max_bytes = max_bytes});
  EXPECT_TRUE(bucket) << bucket.error().message();
  return bucket ? std::move(*bucket) : nullptr;
}

RedisOptions redis_options(std::uint16_t port, std::string prefix) {
  return {.host = "127.0.0.1",
          .port = port,
          .prefix = std::move(prefix),
          .addresses = *net::AddressPolicy::of_host("127.0.0.1", {})};
}

std::string printed(const testing::TestParamInfo<conformance::Case>& info) {
  return std::string(info.param.name);
}

class Sqlite : public testing::TestWithParam<conformance::Case> {};
TEST_P(Sqlite, Conforms) {
  const Folder folder;
  GetParam().run(*sqlite(folder / "a.db"), *sqlite(folder / "b.db"));
}
INSTANTIATE_TEST_SUITE_P(Backend, Sqlite, testing::ValuesIn(conformance::kCases), printed);

class Redis : public testing::TestWithParam<conformance::Case> {
 protected:
  // One server for all: what a case left is another prefix's.
  static void SetUpTestSuite() { server_ = std::make_unique<TestRedis>(); }
  static void TearDownTestSuite() { server_.reset(); }
  static std::unique_ptr<TestRedis> server_;
};
std::unique_ptr<TestRedis> Redis::server_;
TEST_P(Redis, Conforms) {
  const std::string name = std::string(GetParam().name) + "[*]:";
  GetParam().run(*open_redis(redis_options(server_->port(), name)),
                 *open_redis(redis_options(server_->port(), name + "b:")));
}
INSTANTIATE_TEST_SUITE_P(Backend, Redis, testing::ValuesIn(conformance::kCases), printed);

TEST(SqliteFile, KeepsWhatWasAcknowledged) {
  const Folder folder;
  Tried(*sqlite(folder / "a.db")).set("a", "1");
  EXPECT_EQ(Tried(*sqlite(folder / "a.db")).get("a"), bytes("1"));
  struct ::stat info{};
  ASSERT_EQ(::stat((folder / "a.db").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST(SqliteFile, IsSharedWithOthersThatWrite) {
  const Folder folder;
  const auto one = sqlite(folder / "a.db");
  const auto two = sqlite(folder / "a.db");
  Tried(*one).set("a", "1");
  EXPECT_EQ(Tried(*two).get("a"), bytes("1"));
  std::atomic<int> failed = 0;
  {
    std::vector<std::jthread> threads;
    for (Bucket* bucket : {one.get(), two.get(), one.get(), two.get()})
      threads.emplace_back([&failed, bucket] {
        for (int i = 0; i < 50; ++i) failed += wait(bucket->increment("n", 1)) ? 0 : 1;
      });
  }
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(Tried(*two).get("n"), bytes("200"));
}

TEST(SqliteFile, AWriterThatHoldsItIsAnErrorAfterAWhile) {
  const Folder folder;
  const auto bucket = sqlite(folder / "a.db");
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open((folder / "a.db").c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(wait(bucket->set({{"a", bytes("1")}})).error().code(), Code::kUnavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 3 * kBusyWait);
  EXPECT_EQ(Tried(*bucket).get("a"), std::nullopt);
  ASSERT_EQ(sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
  Tried(*bucket).set("a", "1");
}

TEST(SqliteFile, EndsAtItsMaximumAndGoesOn) {
  const Folder folder;
  const auto bucket = sqlite(folder / "a.db", kLeastMaxFileBytes);
  Tried tried(*bucket);
  tried.set("kept", "1");
  int fitted = 0;
  Result<void> last;
  for (; fitted < 100; ++fitted) {
    std::vector<std::tuple<std::string, Bytes>> entries;
    entries.emplace_back("big" + std::to_string(fitted), Bytes(50'000));
    last = wait(bucket->set(std::move(entries)));
    if (!last) break;
  }
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().code(), Code::kResourceExhausted) << last.error().message();
  EXPECT_TRUE(last.error().message().contains("max-size")) << last.error().message();
  EXPECT_GT(fitted, 15);
  EXPECT_LE(fs::file_size(folder / "a.db"), kLeastMaxFileBytes);
  EXPECT_EQ(tried.get("kept"), bytes("1"));
  // Who needs no room is not held back by who does, also when both are served together.
  {
    std::vector<std::jthread> threads;
    std::atomic<int> small = 0;
    for (int t = 0; t < 8; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < 20; ++i)
          if (t % 2 == 0)
            EXPECT_FALSE(wait(bucket->set({{"large", Bytes(500'000)}})));
          else if (wait(bucket->set({{"kept", bytes("2")}})))
            ++small;
      });
    threads.clear();
    EXPECT_EQ(small, 80);
  }
  tried.remove("big0");
  tried.remove("big1");
  tried.set("again", std::string(50'000, 'x'));
}

TEST(SqliteFile, WhatIsNoneOfOursIsLeftAlone) {
  const Folder folder;
  const auto refused = [&](const char* name) {
    auto bucket = open_sqlite({.file = folder / name, .max_bytes = kDefaultMaxFileBytes});
    EXPECT_FALSE(bucket);
    return bucket ? Error(Code::kInternal, "") : bucket.error();
  };
  std::ofstream(folder / "text") << std::string(5000, 'x');
  EXPECT_EQ(refused("text").code(), Code::kInvalidArgument) << refused("text").message();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open((folder / "theirs.db").c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "CREATE TABLE t (x)", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_TRUE(refused("theirs.db").message().contains("another program's database"))
      << refused("theirs.db").message();
  ASSERT_EQ(sqlite3_exec(other, "PRAGMA application_id = 0x62727468; PRAGMA user_version = 2", nullptr,
                         nullptr, nullptr),
            SQLITE_OK);
  EXPECT_EQ(refused("theirs.db").code(), Code::kFailedPrecondition) << refused("theirs.db").message();
  sqlite3_close(other);
  EXPECT_EQ(refused("none/a.db").code(), Code::kNotFound);
  EXPECT_TRUE(refused("none/a.db").message().contains("create it")) << refused("none/a.db").message();
}

TEST(RedisServer, IsReachedAgainAfterItWasAway) {
  TestRedis server;
  const auto bucket = open_redis(redis_options(server.port(), "a:"));
  Tried tried(*bucket);
  tried.set("a", "1");
  server.stop();
  const auto gone = wait(bucket->get({"a"}));
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code(), Code::kUnavailable) << gone.error().message();
  EXPECT_TRUE(gone.error().message().contains("Connection refused")) << gone.error().message();
  server.start();
  std::this_thread::sleep_for(kRedisPause);
  EXPECT_EQ(tried.get("a"), std::nullopt);
  tried.set("a", "2");
}

// A server that answers no more: the error comes in time, for all that wait, and says what is not known.
TEST(RedisServer, ThatHangsIsAnErrorAfterAWhile) {
  TestRedis server;
  const auto bucket = open_redis(redis_options(server.port(), "a:"));
  Tried(*bucket).set("a", "1");
  ::kill(server.process(), SIGSTOP);
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::jthread> threads;
  std::atomic<int> in_time = 0;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      const auto set = wait(bucket->set({{"a", bytes("2")}}));
      if (!set && (set.error().code() == Code::kAborted || set.error().code() == Code::kUnavailable))
        ++in_time;
    });
  threads.clear();
  EXPECT_EQ(in_time, 8);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 6 * kRedisWait);
  ::kill(server.process(), SIGCONT);
}

TEST(RedisServer, TakesALoginFromAFile) {
  const Folder folder;
  TestRedis server({"--requirepass", "first", "--user", "shop", "on", ">second", "~shop:*", "+@all"});
  std::ofstream(folder / "password") << "wrong\n";
  RedisOptions options = redis_options(server.port(), "shop:");
  options.password_file = folder / "password";
  const auto refused = [&](const RedisOptions& with) {
    const auto answer = wait(open_redis(with)->exists("a"));
    return answer ? std::string() : answer.error().message();
  };
  EXPECT_TRUE(refused(options).contains("logging in")) << refused(options);
  EXPECT_FALSE(refused(options).contains("wrong\n"));
  EXPECT_TRUE(refused(redis_options(server.port(), "shop:")).contains("NOAUTH"));
  std::ofstream(folder / "password") << "first\n";
  EXPECT_EQ(refused(options), "");
  options.database = 3;
  EXPECT_EQ(refused(options), "");
  options.user = "shop";
  std::ofstream(folder / "password") << "second";
  EXPECT_EQ(refused(options), "");
  options.prefix = "other:";
  EXPECT_TRUE(refused(options).contains("NOPERM")) << refused(options);
  options.password_file = folder / "none";
  EXPECT_TRUE(refused(options).contains("cannot be read")) << refused(options);
}

TEST(RedisServer, KeysOfOthersAreNoTrap) {
  TestRedis server;
  const auto raw = open_redis(redis_options(server.port(), ""));
  const auto bucket = open_redis(redis_options(server.port(), "a:"));
  Tried(*raw).set("a:", "the empty key");
  Tried(*raw).set("b:x", "another bucket's");
  Tried(*bucket).set("mine", "1");
  EXPECT_EQ(Tried(*bucket).keys(), std::multiset<std::string>{"mine"});
  EXPECT_EQ(Tried(*raw).keys(), (std::multiset<std::string>{"a:", "b:x", "a:mine"}));
  EXPECT_EQ(wait(bucket->list("7x")).error().code(), Code::kInvalidArgument);
}

// The name is the operator's, where it leads is not.
TEST(RedisServer, IsNotDialledWhereANameMustNotLead) {
  RedisOptions options{
      .host = "localhost", .port = 1, .addresses = *net::AddressPolicy::of_host("localhost", {})};
  const auto near = wait(open_redis(options)->exists("a"));
  EXPECT_TRUE(near.error().message().contains("Connection refused")) << near.error().message();
  options.addresses = {};
  const auto denied = wait(open_redis(options)->exists("a"));
  EXPECT_TRUE(denied.error().message().contains("where it may not")) << denied.error().message();
}

// Callers that gave up at their deadline leave their calls behind.
TEST(RedisServer, WaitingIsBounded) {
  TestRedis server;
  const auto bucket = open_redis(redis_options(server.port(), "a:"));
  Tried(*bucket).set("a", "1");
  ::kill(server.process(), SIGSTOP);
  std::atomic<std::size_t> busy = 0;
  std::atomic<std::size_t> done = 0;
  const std::size_t calls = kMaxWaiting + kMaxServedTogether + 10;
  for (std::size_t i = 0; i < calls; ++i)
    detach(bucket->exists("a"), [&](const Result<bool>& there) {
      if (!there && there.error().code() == Code::kBusy) ++busy;
      ++done;
    });
  EXPECT_GE(busy.load(), 10U);
  ::kill(server.process(), SIGCONT);
  while (done < calls) std::this_thread::yield();
  EXPECT_LE(busy.load(), calls - kMaxWaiting);
}

}  // namespace
}  // namespace berth::keyvalue
