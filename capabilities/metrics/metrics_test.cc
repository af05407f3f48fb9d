// metrics: names, kinds, attributes, and what a hostile guest cannot do to the monitoring.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <thread>

#include "capabilities/grants/testing.h"
#include "capabilities/metrics/binding.h"
#include "capabilities/metrics/grants.h"
#include "capabilities/metrics/limits.h"
#include "capabilities/metrics/provider.h"

namespace berth::metrics {
namespace {

using grants::testing::Process;
using List = std::vector<std::tuple<std::string, std::string>>;

TEST(Metrics, AreShownUnderTheWorkload) {
  Process process;
  GuestMetrics metrics(process.services("store-a"));
  auto counter = metrics.counter("requests.total", "Requests.");
  ASSERT_TRUE(counter) << counter.error().message();
  EXPECT_TRUE((*counter)->add(2, List{{"route", "/a"}, {"code", "200"}}));
  EXPECT_TRUE((*counter)->add(3, List{{"code", "200"}, {"route", "/a"}}));
  auto gauge = metrics.gauge("level", "");
  ASSERT_TRUE(gauge);
  EXPECT_TRUE((*gauge)->set(4, {}));
  EXPECT_TRUE((*gauge)->add(-1.5, {}));
  const double buckets[] = {1, 10};
  auto histogram = metrics.histogram("size", "", buckets);
  ASSERT_TRUE(histogram);
  EXPECT_TRUE((*histogram)->observe(5, {}));
  const std::string text = process.metrics().expose();
  EXPECT_TRUE(text.contains("guest_store_a_requests_total{code=\"200\",route=\"/a\",workload=\"store-a\"} 5"))
      << text;
  EXPECT_TRUE(text.contains("guest_store_a_level{workload=\"store-a\"} 2.5")) << text;
  EXPECT_TRUE(text.contains("guest_store_a_size_bucket{workload=\"store-a\",le=\"10\"} 1")) << text;
}

TEST(Metrics, OneNameIsOneMetric) {
  Process process;
  GuestMetrics metrics(process.services());
  auto a = metrics.counter("n", "");
  EXPECT_EQ(*metrics.counter("n", "again"), *a);
  EXPECT_EQ(metrics.gauge("n", "").error().code(), Code::kAlreadyExists);
  const double one[] = {1}, two[] = {2};
  auto h = metrics.histogram("h", "", one);
  EXPECT_EQ(*metrics.histogram("h", "", one), *h);
  EXPECT_EQ(metrics.histogram("h", "", two).error().code(), Code::kAlreadyExists);
}

TEST(Metrics, RefuseWrongNamesAndValues) {
  Process process;
  GuestMetrics metrics(process.services());
  for (const std::string& bad :
       {std::string(), std::string("1a"), std::string("a b"), std::string("a\n# HELP x"), std::string("a{b}"),
        std::string("\xc3\xa4"), std::string(kMaxNameBytes + 1, 'a')})
    EXPECT_EQ(metrics.counter(bad, "").error().code(), Code::kInvalidArgument) << bad;
  EXPECT_FALSE(metrics.counter("a", std::string(kMaxDescriptionBytes + 1, 'x')));
  auto counter = *metrics.counter("c", "");
  for (const char* bad : {"workload", "le", "quantile", "__name__", "", "a b", "0"})
    EXPECT_FALSE(counter->add(1, List{{bad, "x"}})) << bad;
  EXPECT_FALSE(counter->add(1, List{{"a", "1"}, {"a", "2"}}));
  EXPECT_FALSE(counter->add(1, List{{"a.b", "1"}, {"a-b", "2"}}));
  EXPECT_FALSE(counter->add(1, List{{"a", std::string(kMaxValueBytes + 1, 'x')}}));
  List many;
  for (std::size_t i = 0; i <= kMaxAttributes; ++i) many.emplace_back("a" + std::to_string(i), "x");
  EXPECT_FALSE(counter->add(1, many));
  many.pop_back();
  EXPECT_TRUE(counter->add(1, many));
  EXPECT_EQ(counter->add(1, List{{"other", "x"}}).error().code(), Code::kAlreadyExists);
  EXPECT_FALSE((*metrics.gauge("g", ""))->set(std::nan(""), {}));
  EXPECT_FALSE((*metrics.gauge("g", ""))->add(std::nan(""), {}));
  EXPECT_FALSE((*metrics.histogram("h", "", {}))->observe(std::nan(""), {}));
  const double inf[] = {1, std::numeric_limits<double>::infinity()}, down[] = {2, 1}, same[] = {1, 1},
               nan[] = {std::nan("")};
  for (std::span<const double> buckets : {std::span<const double>(inf), std::span<const double>(down),
                                          std::span<const double>(same), std::span<const double>(nan)})
    EXPECT_EQ(metrics.histogram("bad", "", buckets).error().code(), Code::kInvalidArgument);
  EXPECT_FALSE(metrics.histogram("bad", "", std::vector<double>(kMaxBuckets + 1)));
}

TEST(Metrics, LabelFloodEndsAtTheLimit) {
  Process process;
  GuestMetrics metrics(process.services());
  auto counter = *metrics.counter("flood", "");
  std::size_t refused = 0;
  for (std::size_t i = 0; i < 10 * kMaxSeries; ++i)
    if (auto r = counter->add(1, List{{"id", std::to_string(i)}}); !r) {
      EXPECT_EQ(r.error().code(), Code::kResourceExhausted);
      ++refused;
    }
  EXPECT_EQ(refused, 9 * kMaxSeries);
  EXPECT_TRUE(counter->add(1, List{{"id", "0"}})) << "what exists keeps working";
  EXPECT_FALSE((*metrics.gauge("more", ""))->set(1, {})) << "the limit is the workload's";
  EXPECT_TRUE(process.logged("more metric series than a workload may have"));
  EXPECT_EQ(process.lines().size(), 1U);
  GuestMetrics other(process.services("other"));
  EXPECT_TRUE((*other.counter("flood", ""))->add(1, {}));
}

TEST(Metrics, MetricFloodEndsAtTheLimit) {
  Process process;
  GuestMetrics metrics(process.services());
  for (std::size_t i = 0; i < kMaxMetrics; ++i) EXPECT_TRUE(metrics.counter("c" + std::to_string(i), ""));
  EXPECT_EQ(metrics.counter("one_more", "").error().code(), Code::kResourceExhausted);
  EXPECT_TRUE(metrics.counter("c0", ""));
}

TEST(Metrics, ServeSeveralInstancesAtOnce) {
  Process process;
  GuestMetrics metrics(process.services());
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i)
        EXPECT_TRUE((*metrics.counter("n", ""))->add(1, List{{"i", std::to_string(i % 7)}}));
    });
  threads.clear();
  std::size_t sum = 0;
  for (int i = 0; i < 7; ++i) {
    const std::string line = "guest_shop_n{i=\"" + std::to_string(i) + "\",workload=\"shop\"} ";
    const std::string text = process.metrics().expose();
    const std::size_t at = text.find(line);
    ASSERT_NE(at, std::string::npos) << text;
    sum += std::stoul(text.substr(at + line.size()));
  }
  EXPECT_EQ(sum, 4000U);
}

TEST(Metrics, SectionHasNoKeys) {
  EXPECT_TRUE(grants::testing::read(capability(), "{}").maker);
  EXPECT_TRUE(grants::testing::read(capability(), "limit: 5")
                  .problems.contains("berth.yaml:1:1: grants.metrics: no key"));
  EXPECT_TRUE(covers("berth:metrics/metrics@0.1.0"));
}

}  // namespace
}  // namespace berth::metrics
