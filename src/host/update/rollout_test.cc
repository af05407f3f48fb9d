// Rollout: whole updates with a clock of the test's own, native guests, and steps that fail at will.
#include "host/update/rollout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "host/test_guest.h"
#include "host/update/limits.h"

namespace berth::host::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;
using What = UpdateRecord::What;

// Time stands still until the test moves it; timers run on the test's thread.
class Time {
 public:
  void at(Clock::time_point when, std::move_only_function<void()> work) {
    const std::lock_guard lock(mutex_);
    waiting_.emplace(when, std::move(work));
  }
  Clock::time_point now() const {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  void pass(std::chrono::milliseconds time) {
    const Clock::time_point until = now() + time;
    for (;;) {
      std::move_only_function<void()> work;
      {
        const std::lock_guard lock(mutex_);
        if (waiting_.empty() || waiting_.begin()->first > until) break;
        now_ = std::max(now_, waiting_.begin()->first);
        work = std::move(waiting_.begin()->second);
        waiting_.erase(waiting_.begin());
      }
      work();
    }
    const std::lock_guard lock(mutex_);
    now_ = until;
  }

 private:
  mutable std::mutex mutex_;
  std::multimap<Clock::time_point, std::move_only_function<void()>> waiting_;
  Clock::time_point now_{1h};
};

// A source, a workload and its rollout. The workload serves sha256:1.
struct Stage {
  explicit Stage(UpdatePlan plan = {}, InstancePolicy policy = InstancePolicy::pool(2)) {
    plan.schedule.every = 1min;
    plan.schedule.backoff = 10min;
    store.emplace(f.start({.instances = policy}));
    rollout = Rollout::create(
        f.host.find("store").value(), std::move(plan),
        {.fetch = [this](std::stop_token) -> Result<std::optional<Found>> {
           const std::lock_guard lock(mutex);
           ++looks;
           if (fetch_error) return fail(*fetch_error);
           return offered;
         },
         .verify = [this](const Found&, std::stop_token) -> Result<void> {
           const std::lock_guard lock(mutex);
           if (verify_error) return fail(*verify_error);
           return {};
         },
         .compile = [this](const Found& found, std::stop_token) -> Result<Built> {
           const std::lock_guard lock(mutex);
           if (compile_error) return fail(*compile_error);
           Behaviour b = behaviour;
           b.digest = found.digest;
           return Built{journal_version(b), shadows ? journal_version(b) : nullptr, imports};
         }},
        {.workers = workers,
         .at = [this](Clock::time_point when,
                      std::move_only_function<void()> work) { time.at(when, std::move(work)); },
         .now = [this] { return time.now(); },
         .chance = [] { return 0.0; },
         .record =
             [this](const UpdateRecord& record) {
               const std::lock_guard lock(mutex);
               history.push_back(record);
             }},
        {.running = {.digest = "sha256:1", .source = "oci://r/a:v1.0.0", .release = "v1.0.0"},
         .imports = {"wasi:http/types@0.2.0"}});
    rollout->start();
  }
  ~Stage() { rollout->stop(); }

  void offer(std::string digest, std::string release = {}) {
    const std::lock_guard lock(mutex);
    offered = Found{.digest = std::move(digest), .source = "oci://r/a", .release = std::move(release)};
  }
  UpdateState state() { return rollout->status().state; }
  // Lets real time pass until the workers have come so far; a trial must have begun.
  void await(UpdateState wanted) {
    const bool trial = wanted == UpdateState::kCanary || wanted == UpdateState::kShadow;
    const auto there = [&] {
      const UpdateStatus status = rollout->status();
      return status.state == wanted && (!trial || status.trial_ends);
    };
    for (int i = 0; i < 20'000 && !there(); ++i) std::this_thread::sleep_for(100us);
    ASSERT_TRUE(there()) << state_name(wanted) << " wanted, " << state_name(state())
                         << " found: " << rollout->status().reason;
  }
  void await_running(const std::string& digest) {
    for (int i = 0; i < 20'000 && rollout->status().running != digest; ++i)
      std::this_thread::sleep_for(100us);
    ASSERT_EQ(rollout->status().running, digest);
  }
  // The next look is due.
  void await_scheduled() {
    for (int i = 0; i < 20'000 && !rollout->status().next_look; ++i) std::this_thread::sleep_for(100us);
    ASSERT_TRUE(rollout->status().next_look);
  }
  int looks_so_far() {
    const std::lock_guard lock(mutex);
    return looks;
  }
  void call(int times, bool fail_on_new = false) {
    for (int i = 0; i < times; ++i) {
      (void)store->call({}, [&](Journal& j) -> Result<void> {
        if (fail_on_new && *j.version() != "sha256:1") return j.trap();
        return {};
      });
    }
  }
  std::string version() {
    return *store->call({}, [](Journal& j) { return j.version(); });
  }
  std::vector<std::string> told() {
    const std::lock_guard lock(mutex);
    std::vector<std::string> out;
    for (const UpdateRecord& r : history) out.push_back(std::string(record_name(r.what)) + " " + r.digest);
    return out;
  }

  Fixture f;
  Pool workers{2};
  Time time;
  std::mutex mutex;
  std::optional<Found> offered;
  std::optional<Error> fetch_error, verify_error, compile_error;
  Behaviour behaviour;
  std::vector<std::string> imports = {"wasi:http/types@0.2.0"};
  bool shadows = true;
  int looks = 0;
  std::vector<UpdateRecord> history;
  std::optional<Typed<Journal>> store;
  std::shared_ptr<Rollout> rollout;
};

TEST(Rollout, LooksWhenItIsTimeAndWhenAsked) {
  Stage s;
  EXPECT_EQ(s.state(), UpdateState::kIdle);
  s.time.pass(59s);
  EXPECT_EQ(s.looks_so_far(), 0);
  s.time.pass(1s);
  while (s.looks_so_far() != 1) std::this_thread::yield();
  s.await_scheduled();
  s.rollout->look();
  while (s.looks_so_far() != 2) std::this_thread::yield();
  s.await_scheduled();
  s.time.pass(59s);
  EXPECT_EQ(s.looks_so_far(), 2) << "a look that was asked for begins the interval anew";
}

TEST(Rollout, PublishesWatchesAndFindsGood) {
  Stage s;
  s.offer("sha256:2");
  s.rollout->look();
  s.await(UpdateState::kWatching);
  EXPECT_EQ(s.version(), "sha256:2");
  auto status = s.rollout->status();
  EXPECT_EQ(status.last_good, "sha256:1");
  EXPECT_TRUE(status.trial_ends);
  s.call(100);
  s.time.pass(9min);
  EXPECT_EQ(s.rollout->status().last_good, "sha256:1");
  s.time.pass(2min);
  s.await(UpdateState::kGood);
  EXPECT_EQ(s.rollout->status().last_good, "sha256:2");
  while (s.store->workload().status().way_back != "") std::this_thread::yield();
  s.rollout->stop();
  EXPECT_THAT(s.told(), ElementsAre("published sha256:2", "good sha256:2"));
  EXPECT_THAT(s.f.metrics.expose(), HasSubstr("berth_updates_total{result=\"good\",workload=\"store\"} 1"));
  EXPECT_THAT(s.f.metrics.expose(),
              HasSubstr("berth_update_stage_seconds_count{stage=\"compile\",workload=\"store\"} 1"));
}

TEST(Rollout, RollsABadVersionBackAndShutsItOut) {
  Stage s;
  s.call(200);
  s.offer("sha256:2");
  s.rollout->look();
  s.await(UpdateState::kWatching);
  s.call(40, true);
  s.time.pass(kWatchTick * 3);
  EXPECT_EQ(s.state(), UpdateState::kWatching) << "too few calls for a verdict";
  s.call(20, true);
  s.time.pass(kWatchTick * 2);
  s.await(UpdateState::kRolledBack);
  EXPECT_EQ(s.version(), "sha256:1");
  auto status = s.rollout->status();
  EXPECT_THAT(status.reason, HasSubstr("60 of 60 calls failed"));
  ASSERT_EQ(status.shut_out.size(), 1u);
  EXPECT_EQ(status.shut_out[0].digest, "sha256:2");
  // The source still has it.
  const int before = s.looks_so_far();
  s.rollout->look();
  while (s.looks_so_far() == before) std::this_thread::yield();
  s.await_scheduled();
  EXPECT_EQ(s.version(), "sha256:1");
  EXPECT_THAT(s.rollout->status().reason, HasSubstr("sha256:2 is shut out: 60 of 60 calls failed"));
  EXPECT_TRUE(s.rollout->allow("sha256:2"));
  EXPECT_FALSE(s.rollout->allow("sha256:2"));
  s.rollout->look();
  s.await(UpdateState::kWatching);
  EXPECT_EQ(s.version(), "sha256:2");
}

TEST(Rollout, ACanaryThatIsGoodTakesOver) {
  Stage s({.canary = CanaryPlan{.share = 0.5, .time = 1min}});
  s.offer("sha256:2");
  s.rollout->look();
  s.await(UpdateState::kCanary);
  EXPECT_EQ(s.rollout->status().candidate, "sha256:2");
  EXPECT_EQ(s.rollout->status().running, "sha256:1");
  s.call(500);
  s.time.pass(1min);
  s.await(UpdateState::kWatching);
  EXPECT_EQ(s.version(), "sha256:2");
  s.call(200);
  s.time.pass(11min);
  s.await(UpdateState::kGood);
}

TEST(Rollout, ACanaryThatIsBadCostsNoMoreThanItsShare) {
  Stage s({.canary = CanaryPlan{.share = 0.1, .time = 1min}});
  s.offer("sha256:2");
  s.rollout->look();
  s.await(UpdateState::kCanary);
  while (s.state() == UpdateState::kCanary) {
    s.call(10, true);
    s.time.pass(kWatchTick);
  }
  s.await(UpdateState::kRolledBack);
  const auto calls = s.store->workload().status().calls;
  const std::uint64_t total = calls[0] + calls[3];
  EXPECT_LE(static_cast<double>(calls[3]), 0.15 * static_cast<double>(total));
  while (s.store->workload().status().canary) std::this_thread::yield();
  EXPECT_EQ(s.version(), "sha256:1");
  s.await_scheduled();
  s.offer("sha256:3");
  s.rollout->look();
  s.await(UpdateState::kCanary);
}

TEST(Rollout, NothingIsLookedAtDuringATrial) {
  Stage s({.canary = CanaryPlan{.share = 0.5, .time = 1h}});
  s.offer("sha256:2");
  s.rollout->look();
  s.await(UpdateState::kCanary);
  const int looks = s.looks_so_far();
  s.offer("sha256:3");
  s.rollout->look();
  s.time.pass(10min);
  EXPECT_EQ(s.looks_so_far(), looks);
  ASSERT_TRUE(s.rollout->roll_back("an operator said so"));
  s.await(UpdateState::kCanary);  // the look that was asked for
  EXPECT_EQ(s.rollout->status().candidate, "sha256:3");
  EXPECT_EQ(s.rollout->status().shut_out[0].reason, "an operator said so");
}

TEST(Rollout, AShadowThatAgreesIsPublished) {
  Stage s({.shadow = ShadowPlan{.time = 1min}}, InstancePolicy::one());
  s.offer("sha256:2");
  s.rollout->look();
  s.await(UpdateState::kShadow);
  for (std::uint64_t i = 0; i < 100; ++i) {
    (void)s.store->call(
        {}, [&](Journal& j) { return j.append(i); }, [&] { return [i](Journal& j) { return j.append(i); }; });
  }
  while (s.store->workload().status().shadow->equal < 100) std::this_thread::yield();
  s.time.pass(1min);
  s.await(UpdateState::kWatching);
  EXPECT_EQ(s.version(), "sha256:2");
  EXPECT_EQ(s.store->call({}, [](Journal& j) { return j.read(); })->size(), 100u);
}

TEST(Rollout, AShadowThatDiffersIsHeldAndGoesOnWhenAccepted) {
  Stage s({.shadow = ShadowPlan{.time = 1min}});
  s.offer("sha256:2");
  s.rollout->look();
  s.await(UpdateState::kShadow);
  const auto name = [](Journal& j) { return j.version(); };
  for (int i = 0; i < 60; ++i) (void)s.store->call({}, name, [&] { return name; });
  while (s.store->workload().status().shadow->different < 60) std::this_thread::yield();
  s.time.pass(1min);
  s.await(UpdateState::kHeld);
  EXPECT_THAT(s.rollout->status().reason, HasSubstr("60 of 60 answers differed"));
  EXPECT_EQ(s.version(), "sha256:1");
  ASSERT_TRUE(s.rollout->accept("sha256:2"));
  s.await(UpdateState::kWatching);
  EXPECT_EQ(s.version(), "sha256:2");
}

TEST(Rollout, AShadowThatCannotBeIsRefused) {
  Stage s({.shadow = ShadowPlan{.time = 1min}});
  s.shadows = false;
  s.offer("sha256:2");
  s.rollout->look();
  s.await(UpdateState::kRefused);
  EXPECT_THAT(s.rollout->status().reason,
              HasSubstr("it uses a grant that has no form in which nothing reaches outside"));
  EXPECT_EQ(s.version(), "sha256:1");
}

TEST(Rollout, MoreImportsAreHeldBeforeAnyOfItsCodeRuns) {
  Stage s;
  s.imports = {"wasi:http/types@0.2.3", "wasi:sockets/tcp@0.2.0"};
  s.offer("sha256:2");
  s.rollout->look();
  s.await(UpdateState::kHeld);
  EXPECT_EQ(*s.behaviour.made, 0);
  auto status = s.rollout->status();
  EXPECT_THAT(status.more_imports, ElementsAre("wasi:sockets/tcp@0.2.0"));
  EXPECT_THAT(status.reason, HasSubstr("`berth accept store sha256:2`"));
  EXPECT_EQ(status.candidate, "sha256:2");
  EXPECT_EQ(s.rollout->accept("sha256:9").error().code(), Code::kNotFound);
  // It stays held when it is seen again, and a newer one takes its place.
  s.rollout->look();
  while (s.looks_so_far() < 2) std::this_thread::yield();
  s.await(UpdateState::kHeld);
  s.offer("sha256:3");
  s.await_scheduled();
  s.rollout->look();
  for (int i = 0; i < 20'000 && s.rollout->status().candidate != "sha256:3"; ++i)
    std::this_thread::sleep_for(100us);
  s.await(UpdateState::kHeld);
  EXPECT_EQ(s.rollout->accept("sha256:2").error().code(), Code::kNotFound);
  ASSERT_TRUE(s.rollout->accept("sha256:3"));
  s.await(UpdateState::kWatching);
  EXPECT_EQ(s.version(), "sha256:3");
  s.rollout->stop();
  EXPECT_THAT(s.told(), ElementsAre("held sha256:2", "replaced sha256:2", "held sha256:3",
                                    "accepted sha256:3", "published sha256:3"));
}

TEST(Rollout, MoreImportsAreTakenWhereThePlanAllowsThem) {
  Stage s({.new_imports = NewImports::kAllow});
  s.imports = {"wasi:sockets/tcp@0.2.0"};
  s.offer("sha256:2");
  s.rollout->look();
  s.await(UpdateState::kWatching);
}

TEST(Rollout, AnOlderReleaseIsRefused) {
  Stage s;
  s.offer("sha256:2", "v0.9.0");
  s.rollout->look();
  s.await(UpdateState::kRefused);
  EXPECT_THAT(s.rollout->status().reason,
              HasSubstr("v0.9.0 is older than the running v1.0.0; write `downgrade: allow`"));
  Stage allows({.downgrade = Downgrade::kAllow});
  allows.offer("sha256:2", "v0.9.0");
  allows.rollout->look();
  allows.await(UpdateState::kWatching);
}

TEST(Rollout, EachFailingStepLeavesTheVersionThatServesAndIsTriedAgain) {
  Stage s;
  const Error down(Code::kUnavailable, "no answer");
  s.offer("sha256:2");
  const auto refused = [&](std::string_view stage) {
    s.rollout->look();
    s.await(UpdateState::kRefused);
    EXPECT_THAT(s.rollout->status().reason, testing::StartsWith(stage));
    EXPECT_EQ(s.version(), "sha256:1");
    s.await_scheduled();
  };
  s.fetch_error = down;
  refused("fetch: no answer");
  EXPECT_EQ(s.rollout->status().failures, 1u);
  s.time.pass(1s);
  while (s.rollout->status().failures != 2) std::this_thread::yield();
  s.await_scheduled();
  {
    const std::lock_guard lock(s.mutex);
    s.fetch_error.reset();
    s.verify_error = Error(Code::kPermissionDenied, "no valid signature");
  }
  refused("verify: no valid signature");
  {
    const std::lock_guard lock(s.mutex);
    s.verify_error.reset();
    s.compile_error = Error(Code::kInvalidArgument, "malformed");
  }
  refused("compile: malformed");
  {
    const std::lock_guard lock(s.mutex);
    s.compile_error.reset();
    s.behaviour.probe = true;
    s.behaviour.probe_error = "no database";
  }
  refused("warm: its probe says that it cannot serve: no database");
  {
    const std::lock_guard lock(s.mutex);
    s.behaviour.probe_error.clear();
  }
  s.rollout->look();
  s.await(UpdateState::kWatching);
  EXPECT_EQ(s.rollout->status().failures, 0u);
  EXPECT_THAT(s.f.metrics.expose(),
              HasSubstr("berth_update_stage_failures_total{stage=\"fetch\",workload=\"store\"} 2"));
  s.rollout->stop();
  EXPECT_THAT(s.told(), ElementsAre("refused ", "refused sha256:2", "refused sha256:2", "refused sha256:2",
                                    "published sha256:2"))
      << "the same refusal at every look is told once";
}

TEST(Rollout, PinnedItTakesNothingElse) {
  Stage s;
  s.rollout->pin("sha256:1");
  s.offer("sha256:2");
  s.rollout->look();
  while (s.looks_so_far() != 1) std::this_thread::yield();
  s.await_scheduled();
  EXPECT_EQ(s.version(), "sha256:1");
  EXPECT_THAT(s.rollout->status().reason, HasSubstr("pinned to sha256:1"));
  s.rollout->pin("");
  s.rollout->look();
  s.await(UpdateState::kWatching);
}

TEST(Rollout, ANewerVersionReplacesOneThatIsWatchedAndTheLastGoodOneIsKept) {
  Stage s;
  s.offer("sha256:2");
  s.rollout->look();
  s.await(UpdateState::kWatching);
  s.offer("sha256:3");
  s.rollout->look();
  s.await_running("sha256:3");
  s.await(UpdateState::kWatching);
  EXPECT_EQ(s.rollout->status().last_good, "sha256:1");
  ASSERT_TRUE(s.rollout->roll_back("it is slow"));
  EXPECT_EQ(s.version(), "sha256:1");
  EXPECT_EQ(s.state(), UpdateState::kRolledBack);
  EXPECT_EQ(s.rollout->roll_back("again").error().code(), Code::kFailedPrecondition);
}

TEST(Rollout, ReturnsToAnEarlierVersionWhenAsked) {
  Stage s;
  s.offer("sha256:2");
  s.rollout->look();
  s.await(UpdateState::kWatching);
  s.time.pass(11min);
  s.await(UpdateState::kGood);
  s.await_scheduled();
  const auto report =
      s.rollout->replace({.digest = "sha256:1"}, {.version = journal_version({})}, "complaints");
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_EQ(s.version(), "sha256:1");
  EXPECT_EQ(s.rollout->status().shut_out[0].digest, "sha256:2");
  EXPECT_EQ(s.rollout->status().last_good, "sha256:1");
}

TEST(Rollout, NoticesAVersionThatWasPublishedByHand) {
  Stage watched;
  watched.offer("sha256:2");
  watched.rollout->look();
  watched.await(UpdateState::kWatching);
  ASSERT_TRUE(watched.store->workload().swap(journal_version({.digest = "sha256:9"})));
  watched.time.pass(kWatchTick);
  watched.await(UpdateState::kIdle);
  EXPECT_EQ(watched.rollout->status().running, "sha256:9");

  Stage tried({.canary = CanaryPlan{.share = 0.5, .time = 1h}});
  tried.offer("sha256:2");
  tried.rollout->look();
  tried.await(UpdateState::kCanary);
  ASSERT_TRUE(tried.store->workload().swap(journal_version({.digest = "sha256:9"})));
  tried.time.pass(kWatchTick);
  tried.await(UpdateState::kIdle);
  EXPECT_EQ(tried.version(), "sha256:9");
}

TEST(Rollout, TheStateOfABadVersionGoesBack) {
  Stage s({}, InstancePolicy::one());
  const auto append = [&](std::uint64_t value) {
    ASSERT_TRUE(s.store->call({}, [&](Journal& j) { return j.append(value); }));
  };
  append(1);
  s.offer("sha256:2");
  s.rollout->look();
  s.await(UpdateState::kWatching);
  append(2);
  for (int i = 0; i < 60; ++i) (void)s.store->call({}, [](Journal& j) { return j.answer_error(); });
  s.time.pass(kWatchTick);
  s.await(UpdateState::kRolledBack);
  EXPECT_EQ(*s.store->call({}, [](Journal& j) { return j.read(); }), (std::vector<std::uint64_t>{1, 2}));
}

TEST(Rollout, StoppingEndsATrialAndEverythingElse) {
  Stage s({.canary = CanaryPlan{.share = 0.5, .time = 1h}});
  s.offer("sha256:2");
  s.rollout->look();
  s.await(UpdateState::kCanary);
  s.rollout->stop();
  EXPECT_FALSE(s.store->workload().status().canary);
  const int looks = s.looks_so_far();
  s.rollout->look();
  s.time.pass(1h);
  EXPECT_EQ(s.looks_so_far(), looks);
}

// The bar in small: an update after the other under load, half of them bad. Calls fail only on bad
// canaries, and what serves in the end is the last good version.
TEST(Rollout, UpdatesUnderLoadLoseNoCall) {
  Stage s({.canary = CanaryPlan{.share = 0.2, .time = 1s},
           .rollback = RollbackRules{.errors = Tolerance{.more = 0.05}, .within = 5s}});
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> refused{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 3; ++c) {
    callers.emplace_back([&] {
      while (!stop) {
        const auto r = s.store->call({}, [](Journal& j) -> Result<void> {
          if (j.version()->starts_with("sha256:bad")) return j.trap();
          return {};
        });
        if (!r && r.error().code() != Code::kTrap) ++refused;
      }
    });
  }
  std::string good = "sha256:1";
  for (int i = 0; i < 12; ++i) {
    const bool bad = i % 2 == 1;
    const std::string digest = (bad ? "sha256:bad" : "sha256:good") + std::to_string(i);
    s.offer(digest);
    s.rollout->look();
    s.await(UpdateState::kCanary);
    const UpdateState wanted = bad ? UpdateState::kRolledBack : UpdateState::kGood;
    for (int k = 0; k < 20'000 && s.state() != wanted; ++k) {
      s.time.pass(bad ? kWatchTick : 100ms);
      std::this_thread::sleep_for(200us);
    }
    ASSERT_EQ(state_name(s.state()), state_name(wanted)) << digest << ": " << s.rollout->status().reason;
    if (!bad) good = digest;
    s.await_scheduled();
  }
  stop = true;
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(refused, 0u);
  EXPECT_EQ(s.version(), good);
}

}  // namespace
}  // namespace berth::host::test
