// The pure rules of updates: order of releases, imports, the next look, verdicts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/update/imports.h"
#include "host/update/judge.h"
#include "host/update/limits.h"
#include "host/update/release.h"
#include "host/update/schedule.h"

namespace berth::host {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Release, IsOrderedAsTheSpecificationSays) {
  const std::vector<std::string> ascending = {
      "0.0.1",      "v0.9",         "1.0.0-alpha",   "1.0.0-alpha.1", "1.0.0-alpha.beta",
      "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",    "v1",
      "1.0.1",      "1.2",          "1.10.0",        "2.0.0",         "v10"};
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    ASSERT_TRUE(parse_release(ascending[i])) << ascending[i];
    for (std::size_t j = 0; j < ascending.size(); ++j) {
      EXPECT_EQ(is_downgrade(ascending[i], ascending[j]), j < i) << ascending[i] << " -> " << ascending[j];
    }
  }
  EXPECT_EQ(*parse_release("v1.2"), *parse_release("1.2.0+build.7"));
}

TEST(Release, WhatIsNoVersionIsNoDowngrade) {
  for (const char* text : {"", "v", "latest", "1.2.3.4", "01.2.3", "1.02", "1..2", "1.2.3-", "1.2.3-01",
                           "1.2.3-a..b", "1.2.3+", "1.2.3-a_b", "-1", "1.x", "18446744073709551616", "vv1"}) {
    EXPECT_FALSE(parse_release(text)) << text;
    EXPECT_FALSE(is_downgrade("9.9.9", text)) << text;
    EXPECT_FALSE(is_downgrade(text, "0.0.1")) << text;
  }
}

TEST(Imports, NewOnesAreFoundInTheirOrder) {
  const std::vector<std::string> running = {"wasi:http/types@0.2.0", "berth:logging/logging@0.1.0",
                                            "a:b/c@1.2.0"};
  const std::vector<std::string> next = {"wasi:sockets/tcp@0.2.0", "berth:logging/logging@0.1.0",
                                         "wasi:filesystem/types@0.2.0", "wasi:sockets/tcp@0.2.0"};
  EXPECT_THAT(asks_for_more(running, next),
              ElementsAre("wasi:sockets/tcp@0.2.0", "wasi:filesystem/types@0.2.0"));
  EXPECT_THAT(asks_for_more(running, running), IsEmpty());
  EXPECT_THAT(asks_for_more(running, {}), IsEmpty());
}

TEST(Imports, ACompatibleVersionIsTheSameImport) {
  const auto more = [](std::string running, std::string next) {
    return !asks_for_more(std::vector{std::move(running)}, std::vector{std::move(next)}).empty();
  };
  EXPECT_FALSE(more("a:b/c@1.0.0", "a:b/c@1.9.3"));
  EXPECT_FALSE(more("a:b/c@0.2.0", "a:b/c@0.2.6"));
  EXPECT_FALSE(more("a:b/c", "a:b/c"));
  EXPECT_TRUE(more("a:b/c@1.0.0", "a:b/c@2.0.0"));
  EXPECT_TRUE(more("a:b/c@0.2.0", "a:b/c@0.3.0"));
  EXPECT_TRUE(more("a:b/c@0.0.1", "a:b/c@0.0.2"));
  EXPECT_TRUE(more("a:b/c@0.2.0-rc.1", "a:b/c@0.2.0"));
  EXPECT_TRUE(more("a:b/c", "a:b/c@1.0.0"));
  EXPECT_TRUE(more("a:b/c@1.0.0", "a:b/d@1.0.0"));
}

Looks failed(std::uint32_t times, Error error) { return {times, std::move(error)}; }

TEST(Schedule, AfterASuccessItIsTheIntervalWithSomeJitter) {
  const Schedule schedule{.every = 5min, .jitter = 30s, .backoff = 1h};
  EXPECT_EQ(next_look(schedule, {}, 0), 5min);
  EXPECT_EQ(next_look(schedule, {}, 0.5), 5min + 15s);
  EXPECT_LT(*next_look(schedule, {}, 0.999), 5min + 30s);
  EXPECT_FALSE(next_look({}, {}, 0.5)) << "only when somebody asks";
}

TEST(Schedule, AFailureThatMayPassIsTriedSoonAndThenLessAndLess) {
  const Schedule schedule{.every = 24h, .backoff = 1min};
  const Error down(Code::kUnavailable, "no answer");
  milliseconds last{0};
  for (std::uint32_t n = 1; n < 100; ++n) {
    const auto wait = next_look(schedule, failed(n, down), 1);
    ASSERT_TRUE(wait);
    EXPECT_GE(*wait, last);
    EXPECT_LE(*wait, 1min);
    EXPECT_GE(*next_look(schedule, failed(n, down), 0), *wait / 2);
    last = *wait;
  }
  EXPECT_EQ(next_look(schedule, failed(1, down), 1), 1s);
  EXPECT_EQ(next_look(schedule, failed(2, down), 1), 2s);
  EXPECT_EQ(last, 1min);
  EXPECT_TRUE(next_look({}, failed(1, down), 0)) << "an update that was asked for is retried too";
}

TEST(Schedule, KeepsWhatTheSourceAskedForWithinReason) {
  const Schedule schedule{.every = 5min, .backoff = 1min};
  const auto asked = [&](milliseconds time) {
    return *next_look(schedule, failed(1, Error(Code::kBusy, "429").retry_in(time)), 1);
  };
  EXPECT_EQ(asked(10min), 10min);
  EXPECT_EQ(asked(1ms), 1s);
  EXPECT_EQ(asked(1000h), kMaxRetryAfter);
  EXPECT_EQ(asked(-5s), 1s);
}

TEST(Schedule, AFailureThatStaysIsLookedAtEveryInterval) {
  const Schedule schedule{.every = 5min, .backoff = 1h};
  const Error unsigned_version(Code::kPermissionDenied, "no signature");
  EXPECT_EQ(next_look(schedule, failed(1, unsigned_version), 0), 5min);
  EXPECT_EQ(next_look(schedule, failed(2, unsigned_version), 0), 10min);
  EXPECT_EQ(next_look(schedule, failed(50, unsigned_version), 0), 1h);
  EXPECT_FALSE(next_look({.backoff = 1h}, failed(1, unsigned_version), 0));
}

// `ok` and `failed` calls, all of which took `seconds`.
Observed calls(std::uint64_t ok, std::uint64_t failed, double seconds = 0.0002) {
  Observed out;
  out.calls[0] = ok;
  out.calls[3] = failed;
  telemetry::Histogram times(telemetry::latency_buckets());
  for (std::uint64_t i = 0; i < ok + failed; ++i) times.observe(seconds);
  out.times = buckets_of(times);
  return out;
}

Judgement once(const RollbackRules& rules, const Observed& base, const Observed& tried, bool over = false) {
  Trial trial = begin_trial({}, {});
  return judge(rules, trial, base, tried, over);
}

TEST(Judge, OneErrorOfThreeCallsRollsNothingBack) {
  const RollbackRules rules{.errors = Tolerance{.more = 0.05}};
  EXPECT_EQ(once(rules, calls(1000, 0), calls(2, 1)).verdict, Verdict::kOpen);
  EXPECT_EQ(once(rules, calls(1000, 0), calls(0, 49)).verdict, Verdict::kOpen);
  const Judgement bad = once(rules, calls(1000, 0), calls(0, 50));
  EXPECT_EQ(bad.verdict, Verdict::kBad);
  EXPECT_EQ(bad.reason, "50 of 50 calls failed (100.0%), against 0 of 1000 (0.0%) of the version before");
}

TEST(Judge, ErrorsAreComparedWithTheVersionBefore) {
  const RollbackRules by_share{.errors = Tolerance{.more = 0.05}};
  EXPECT_EQ(once(by_share, calls(900, 100), calls(86, 14)).verdict, Verdict::kOpen)
      << "it failed as often before";
  EXPECT_EQ(once(by_share, calls(900, 100), calls(84, 16)).verdict, Verdict::kBad);
  const RollbackRules by_factor{.errors = Tolerance{.factor = 2}};
  EXPECT_EQ(once(by_factor, calls(990, 10), calls(980, 20)).verdict, Verdict::kOpen);
  EXPECT_EQ(once(by_factor, calls(990, 10), calls(979, 21)).verdict, Verdict::kBad);
  EXPECT_EQ(once(by_factor, calls(1000, 0), calls(499, 1)).verdict, Verdict::kOpen)
      << "as if one had failed before";
  EXPECT_EQ(once(by_factor, calls(1000, 0), calls(399, 1)).verdict, Verdict::kBad);
  EXPECT_EQ(once(by_factor, {}, calls(0, 100)).verdict, Verdict::kOpen) << "a factor of nothing is nothing";
  const RollbackRules both{.errors = Tolerance{.more = 0.5, .factor = 2}};
  EXPECT_EQ(once(both, calls(990, 10), calls(900, 100)).verdict, Verdict::kBad) << "either of them";
}

TEST(Judge, OnlyWhatCameDuringTheTrialCounts) {
  const RollbackRules rules{.errors = Tolerance{.more = 0.05}};
  Trial trial = begin_trial(calls(0, 1000), calls(0, 500));
  EXPECT_EQ(judge(rules, trial, calls(1000, 1000), calls(100, 500), false).verdict, Verdict::kOpen);
  EXPECT_EQ(judge(rules, trial, calls(1000, 1000), calls(100, 520), false).verdict, Verdict::kBad);
}

TEST(Judge, IsGoodWhenTheTimeIsOverAndNothingSpeaksAgainstIt) {
  const RollbackRules rules{.errors = Tolerance{.more = 0.05}};
  EXPECT_EQ(once(rules, calls(1000, 0), calls(100, 1), false).verdict, Verdict::kOpen);
  EXPECT_EQ(once(rules, calls(1000, 0), calls(100, 1), true).verdict, Verdict::kGood);
  EXPECT_EQ(once(rules, calls(1000, 0), {}, true).verdict, Verdict::kGood) << "nobody calls it";
  EXPECT_EQ(once(rules, calls(1000, 0), calls(5, 0), true).verdict, Verdict::kGood);
  const Judgement open = once(rules, calls(1000, 0), calls(2, 1), true);
  EXPECT_EQ(open.verdict, Verdict::kOpen);
  EXPECT_THAT(open.reason, HasSubstr("1 of only 3 calls failed; a verdict needs 50 calls"));
}

TEST(Judge, TimesMustBeWorseForSomeSlicesInARow) {
  const RollbackRules rules{.latency = Tolerance{.factor = 2}};
  Trial trial = begin_trial({}, {});
  Observed base = calls(1000, 0, 0.0002), tried;
  const auto slice = [&](double seconds) {
    const Observed more = calls(kSliceCalls, 0, seconds);
    tried.calls[0] += more.calls[0];
    tried.times.resize(more.times.size());
    for (std::size_t i = 0; i < more.times.size(); ++i) tried.times[i] += more.times[i];
    return judge(rules, trial, base, tried, false).verdict;
  };
  EXPECT_EQ(slice(0.01), Verdict::kOpen) << "its first calls make its instances";
  EXPECT_EQ(slice(0.01), Verdict::kOpen);
  EXPECT_EQ(slice(0.0002), Verdict::kOpen);
  EXPECT_EQ(slice(0.01), Verdict::kOpen);
  EXPECT_EQ(slice(0.01), Verdict::kOpen);
  EXPECT_EQ(slice(0.01), Verdict::kBad);
}

TEST(Judge, TimesAsBadAsBeforeAreGood) {
  for (const Tolerance& tolerance : {Tolerance{.factor = 1.5}, Tolerance{.more = 0.5}}) {
    const RollbackRules rules{.latency = tolerance};
    Trial trial = begin_trial({}, {});
    for (std::uint64_t i = 1; i < 10; ++i) {
      EXPECT_EQ(judge(rules, trial, calls(i * 200, 0, 0.003), calls(i * 200, 0, 0.003), false).verdict,
                Verdict::kOpen);
    }
  }
}

TEST(Judge, WithoutRulesNothingIsBad) {
  EXPECT_EQ(once({}, calls(1000, 0), calls(0, 1000)).verdict, Verdict::kOpen);
  EXPECT_EQ(once({}, calls(1000, 0), calls(0, 1000), true).verdict, Verdict::kGood);
}

TEST(Observed, PercentilesAreAsExactAsTheBuckets) {
  EXPECT_EQ(Observed{}.time_of(0.99), 0);
  Observed out = calls(99, 0, 0.0002);
  const Observed slow = calls(1, 0, 3);
  for (std::size_t i = 0; i < out.times.size(); ++i) out.times[i] += slow.times[i];
  EXPECT_LE(out.time_of(0.99), 0.00025);
  EXPECT_GT(out.time_of(1), 2.5);
  EXPECT_EQ(calls(1, 0, 1e6).time_of(0.99), 60) << "slower than the last bound; how much is not known";
}

}  // namespace
}  // namespace berth::host
