// Tiers: the order in which code is looked for, what is kept, and workloads that get better code.
#include "host/component/tiers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "bombs.h"
#include "directory_store.h"
#include "host/component/improver.h"
#include "tests/host/counter.h"

namespace berth::tiers {
namespace {

namespace fs = std::filesystem;
using artifact::Artifact;
using host::InstancePolicy;
using host::Tier;
using host::test::artifact_of;
using host::test::Counter;
using host::test::counter_text;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Improved = host::Workload::Improved;

// What winch does not know.
constexpr std::string_view kTailCall = R"(
    (func (export "add") (param i32) (result i32) (return_call $add (local.get 0)))
    (func $add (param i32) (result i32))";

class TiersTest : public testing::Test {
 protected:
  ~TiersTest() override { fs::remove_all(folder_); }

  host::TierOptions options(std::size_t tiered_from_bytes = 0) {
    return {.compiler = {.program = BERTH_BINARY_DIR "/berth"},
            .tiered_from_bytes = tiered_from_bytes,
            .notice = [this](const Error& error) { notices_.push_back(error.message()); }};
  }
  host::Loader loader(const host::Tiers& tiers) { return {dock_.engine, dock_.pool, {}, &tiers}; }
  static Result<std::uint32_t> add(const host::Typed<Counter>& counter, std::uint32_t n) {
    return counter.call({}, [n](Counter& c) { return c.add(n); });
  }
  host::Typed<Counter> start(InstancePolicy policy, std::shared_ptr<const host::Version> version) {
    auto workload = dock_.host.start({.name = "counter", .instances = policy}, std::move(version));
    if (!workload) throw std::runtime_error(workload.error().to_string());
    return *host::Typed<Counter>::of(*workload);
  }
  std::vector<std::string> stored() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) names.push_back(entry.path().filename());
    return names;
  }

  std::vector<std::string> notices_;
  host::test::Dock dock_;
  const fs::path folder_ = fs::temp_directory_path() / ("berth-tiers-test-" + std::to_string(::getpid()));
  DirectoryStore store_{folder_};
  const Artifact artifact_ = artifact_of(counter_text({}));
};

TEST_F(TiersTest, WinchServesFirstAndCraneliftsCodeIsKept) {
  const host::Tiers tiers(dock_.engine, options(), &store_);
  const host::Loader loader = this->loader(tiers);
  const auto quick = loader.load(artifact_, dock_.request());
  ASSERT_TRUE(quick) << quick.error().to_string();
  EXPECT_EQ((*quick)->about().tier, Tier::kWinch);
  EXPECT_THAT(stored(), IsEmpty());
  EXPECT_EQ(loader.load_stored(artifact_, dock_.request()).error().code(), Code::kNotFound);

  const auto best = loader.load_best(artifact_, dock_.request(), {});
  ASSERT_TRUE(best) << best.error().to_string();
  EXPECT_EQ((*best)->about().tier, Tier::kCranelift);
  EXPECT_THAT(stored(), ElementsAre(artifact_.digest.hex() + "." + dock_.engine->key()));

  // From now on it is found, by another program too, which needs no bytes for it and no compiler.
  host::TierOptions other = options();
  other.compiler.program = "/nonexistent";
  const host::Tiers later(dock_.engine, other, &store_);
  for (const auto& version :
       {this->loader(later).load(artifact_, dock_.request()),
        this->loader(later).load_best(artifact_, dock_.request(), {}),
        this->loader(later).load_stored({.source = "store", .digest = artifact_.digest}, dock_.request())}) {
    ASSERT_TRUE(version) << version.error().to_string();
    EXPECT_EQ((*version)->about().tier, Tier::kCache);
    EXPECT_EQ((*version)->about().digest, artifact_.digest.to_string());
  }
  EXPECT_THAT(notices_, IsEmpty());
}

TEST_F(TiersTest, AllTiersGiveTheSameAnswersAndTraps) {
  const host::Tiers tiers(dock_.engine, options(), &store_);
  const host::Loader loader = this->loader(tiers);
  host::WorkloadLimits limits{.memory_bytes = 4u << 20, .call = std::chrono::milliseconds(200)};
  auto request = dock_.request();
  request.limits = limits;
  std::vector<std::shared_ptr<const host::Version>> versions = {*loader.load(artifact_, request),
                                                                *loader.load_best(artifact_, request, {}),
                                                                *loader.load(artifact_, request)};
  ASSERT_EQ(versions[0]->about().tier, Tier::kWinch);
  ASSERT_EQ(versions[1]->about().tier, Tier::kCranelift);
  ASSERT_EQ(versions[2]->about().tier, Tier::kCache);
  auto workload = *dock_.host.start(
      {.name = "counter", .instances = InstancePolicy::fresh(), .limits = limits}, versions[0]);
  const auto counter = *host::Typed<Counter>::of(workload);
  for (const auto& version : versions) {
    SCOPED_TRACE(host::tier_name(version->about().tier));
    ASSERT_TRUE(workload->swap(version));
    EXPECT_EQ(*add(counter, 41), 41u);
    EXPECT_EQ(*add(counter, 0xffff'ffff), 0xffff'ffffu);
    EXPECT_EQ(*counter.call({}, [](Counter& c) { return c.grow(); }), (4u << 20) / 65'536);
    EXPECT_EQ((*counter.call({}, [](Counter& c) { return c.refuse(); })).error(), "not today");
    const auto fails = [&](std::string_view function) {
      return counter.call({}, [&](Counter& c) { return c.run(function); }).error();
    };
    EXPECT_EQ(fails("trap").code(), Code::kTrap);
    EXPECT_THAT(fails("trap").detail(), HasSubstr("wasm function"));
    EXPECT_EQ(fails("spin").code(), Code::kDeadlineExceeded);
    EXPECT_EQ(fails("bomb").code(), Code::kResourceExhausted);
    EXPECT_EQ(fails("table-bomb").code(), Code::kResourceExhausted);
    EXPECT_EQ(counter.call({}, [](Counter& c) { return c.recurse(); }).error().code(),
              Code::kResourceExhausted);
  }
}

TEST_F(TiersTest, SmallComponentsAreCompiledOnce) {
  const std::size_t size = artifact_.bytes.size();
  const host::Tiers below(dock_.engine, options(size + 1), nullptr);
  EXPECT_EQ((*loader(below).load(artifact_, dock_.request()))->about().tier, Tier::kCranelift);
  const host::Tiers at(dock_.engine, options(size), nullptr);
  EXPECT_EQ((*loader(at).load(artifact_, dock_.request()))->about().tier, Tier::kWinch);
}

TEST_F(TiersTest, WhatWinchCannotCompileIsCompiledWellAtOnce) {
  const std::string text =
      host::test::replaced(counter_text({}), R"((func (export "add") (param i32) (result i32))", kTailCall);
  const host::Tiers tiers(dock_.engine, options(), &store_);
  const auto version = loader(tiers).load(artifact_of(text), dock_.request());
  ASSERT_TRUE(version) << version.error().to_string();
  EXPECT_EQ((*version)->about().tier, Tier::kCranelift);
  EXPECT_EQ(stored().size(), 1u);
  EXPECT_THAT(notices_, IsEmpty());
  EXPECT_EQ(*add(start(InstancePolicy::fresh(), *version), 41), 41u);
}

TEST_F(TiersTest, WhatIsWrongIsSaidOnce) {
  Artifact cut = artifact_;
  cut.bytes.resize(cut.bytes.size() / 2);
  const host::Tiers tiers(dock_.engine, options(), &store_);
  const auto refused = loader(tiers).load(cut, dock_.request());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kInvalidArgument);
  EXPECT_EQ(refused.error().message(), dock_.loader.load(cut, dock_.request()).error().message());
  EXPECT_THAT(notices_, IsEmpty());
}

TEST_F(TiersTest, ABombIsNotTriedTwice) {
  host::TierOptions limited = options();
  limited.compiler.limits.memory_bytes = std::uint64_t{192} << 20;
  const host::Tiers tiers(dock_.engine, limited, &store_);
  const Artifact bomb{.source = "bomb.wasm", .digest = {}, .bytes = deep_nesting()};
  const auto refused = loader(tiers).load(bomb, dock_.request());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kResourceExhausted);
  EXPECT_THAT(refused.error().message(), HasSubstr("loading bomb.wasm: compiling it was stopped"));
  EXPECT_THAT(stored(), IsEmpty());
}

// Whatever is in the store under this name: it is not run, and good code takes its place.
TEST_F(TiersTest, OtherFilesInTheStoreAreReplaced) {
  const auto foreign_engine =
      *abi::Engine::create({.max_instances = 10, .max_memory_bytes = std::uint64_t{128} << 20});
  const host::Tiers foreign(foreign_engine, options(), &store_);
  ASSERT_TRUE(foreign.best(artifact_, {}));
  const fs::path name = store_.file(artifact_.digest.to_string(), dock_.engine->key());
  const auto put = [&](const std::function<void()>& change) {
    fs::copy_file(store_.file(artifact_.digest.to_string(), foreign_engine->key()), name,
                  fs::copy_options::overwrite_existing);
    change();
  };
  const std::vector<std::pair<std::function<void()>, std::string>> wrong = {
      {[] {}, "memory reservation"},  // of another engine's settings
      {[&] { fs::resize_file(name, fs::file_size(name) / 2); }, "mapping compiled code: "},
      {[&] { fs::resize_file(name, 0); }, "mapping compiled code: "},
      {[&] { std::ofstream(name, std::ios::binary).write("\0asm\1\0\0\0", 8); }, "ELF"},
      {[&] {
         fs::remove(name);
         fs::copy_file("/proc/self/exe", name);
       },
       "mapping compiled code: "}};
  for (const auto& [change, message] : wrong) {
    put(change);
    notices_.clear();
    const host::Tiers tiers(dock_.engine, options(1 << 20), &store_);
    const auto version = loader(tiers).load(artifact_, dock_.request());
    ASSERT_TRUE(version) << version.error().to_string();
    EXPECT_EQ((*version)->about().tier, Tier::kCranelift);
    EXPECT_THAT(notices_, ElementsAre(HasSubstr(message)));
    EXPECT_EQ((*loader(tiers).load(artifact_, dock_.request()))->about().tier, Tier::kCache);
    auto workload = *dock_.host.start({.name = "counter"}, *version);
    EXPECT_EQ(*add(*host::Typed<Counter>::of(workload), 41), 41u);
    ASSERT_TRUE(dock_.host.stop("counter"));
  }
}

TEST_F(TiersTest, AStoreThatTakesNothingOnlyCostsTime) {
  const host::Tiers tiers(dock_.engine, options(), &store_);
  fs::remove_all(folder_);
  std::ofstream(folder_) << "no folder";
  const auto version = loader(tiers).load_best(artifact_, dock_.request(), {});
  ASSERT_TRUE(version) << version.error().to_string();
  EXPECT_EQ((*version)->about().tier, Tier::kCranelift);
  EXPECT_THAT(notices_, ElementsAre(HasSubstr("cannot write")));
  EXPECT_EQ(*add(start(InstancePolicy::fresh(), *version), 41), 41u);
}

// ---- running workloads

class ImproverTest : public TiersTest {
 protected:
  struct Seen {
    std::string workload;
    std::optional<Improved> result;
    std::string error;
  };
  void report(const host::ImproverReport& r) {
    const std::lock_guard lock(mutex_);
    seen_.push_back({r.workload, r.result ? std::optional(r.result->result) : std::nullopt,
                     r.result ? "" : r.result.error().message()});
    changed_.notify_all();
  }
  Seen await_report() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !seen_.empty(); });
    const Seen first = seen_.front();
    seen_.erase(seen_.begin());
    return first;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Seen> seen_;
  host::Tiers tiers_{dock_.engine, options(), &store_};
  host::Loader loader_{dock_.engine, dock_.pool, {}, &tiers_};
  host::Improver improver_{loader_, [this](const host::ImproverReport& r) { report(r); }};
};

TEST_F(ImproverTest, CallsGoOnWhileTheCodeChanges) {
  for (const InstancePolicy policy :
       {InstancePolicy::fresh(), InstancePolicy::pool(2), InstancePolicy::one()}) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    const auto counter = start(policy, *loader_.load(artifact_, dock_.request()));
    EXPECT_EQ(counter.workload().status().current.tier, Tier::kWinch);
    std::atomic<bool> stop = false;
    std::uint32_t sum = 0;
    std::jthread caller([&] {
      while (!stop) {
        const auto answer = add(counter, 1);
        ASSERT_TRUE(answer) << answer.error().to_string();
        ++sum;
        if (policy.kind == InstancePolicy::Kind::kKept) ASSERT_EQ(*answer, sum);
      }
    });
    auto workload = *dock_.host.find("counter");
    improver_.add(workload, artifact_, dock_.request());
    const Seen seen = await_report();
    EXPECT_EQ(seen.result, Improved::kDone) << seen.error;
    stop = true;
    caller.join();
    EXPECT_EQ(counter.workload().status().current.tier, Tier::kCranelift);
    ASSERT_TRUE(add(counter, 1));
    ASSERT_TRUE(dock_.host.stop("counter"));
  }
}

TEST_F(ImproverTest, StateWithoutAHandoverStaysInItsInstance) {
  const Artifact artifact = artifact_of(counter_text({.handover = false}));
  const auto counter = start(InstancePolicy::one(), *loader_.load(artifact, dock_.request()));
  ASSERT_EQ(*add(counter, 5), 5u);
  improver_.add(*dock_.host.find("counter"), artifact, dock_.request());
  EXPECT_EQ(await_report().result, Improved::kKept);
  EXPECT_EQ(*add(counter, 1), 6u);
  EXPECT_EQ(counter.workload().status().current.tier, Tier::kWinch);
  // But the next start finds it.
  EXPECT_EQ((*loader_.load(artifact, dock_.request()))->about().tier, Tier::kCache);
}

TEST_F(ImproverTest, FailuresAreReportedAndTheQuickCodeServesOn) {
  const auto counter = start(InstancePolicy::fresh(), *loader_.load(artifact_, dock_.request()));
  Artifact bad = artifact_;
  bad.bytes = Bytes(100, 'x');
  improver_.add(*dock_.host.find("counter"), bad, dock_.request());
  EXPECT_THAT(await_report().error, HasSubstr("it is not WebAssembly"));
  EXPECT_EQ(*add(counter, 1), 1u);
  EXPECT_EQ(counter.workload().status().current.tier, Tier::kWinch);
}

// What is replaced before its time has come is never compiled: the first would be reported as no WebAssembly.
TEST_F(ImproverTest, WhatIsReplacedBeforeItsTimeIsForgotten) {
  constexpr std::chrono::seconds kSettle{1};
  std::optional<host::Improver> settling;
  settling.emplace(loader_, [this](const host::ImproverReport& r) { report(r); }, kSettle);
  const auto counter = start(InstancePolicy::fresh(), *loader_.load(artifact_, dock_.request()));
  Artifact bad = artifact_;
  bad.bytes = Bytes(100, 'x');
  settling->add(*dock_.host.find("counter"), bad, dock_.request());
  const auto begin = std::chrono::steady_clock::now();
  settling->add(*dock_.host.find("counter"), artifact_, dock_.request());
  const Seen seen = await_report();
  EXPECT_EQ(seen.result, Improved::kDone) << seen.error;
  EXPECT_GE(std::chrono::steady_clock::now() - begin, kSettle);
  settling.reset();  // now nothing more can be reported
  EXPECT_THAT(seen_, IsEmpty());
}

TEST_F(ImproverTest, EndsWhileItCompiles) {
  const auto counter = start(InstancePolicy::fresh(), *loader_.load(artifact_, dock_.request()));
  {
    host::Improver ends(loader_, [](const host::ImproverReport&) { ADD_FAILURE() << "it ended before"; });
    const Artifact bomb{.source = "bomb.wasm", .digest = {}, .bytes = huge_function()};
    ends.add(*dock_.host.find("counter"), bomb, dock_.request());
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
  }
  EXPECT_EQ(*add(counter, 1), 1u);
}

}  // namespace
}  // namespace berth::tiers
