// Telemetry: escaping, limits and redaction of log records; label limits and exposition of metrics.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdio>
#include <limits>
#include <thread>

#include "telemetry/limits.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"
#include "telemetry/workload_metrics.h"

namespace berth::telemetry {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// A temporary file as the log's target.
class Capture {
 public:
  Capture() : file_(std::tmpfile()) {}
  ~Capture() { std::fclose(file_); }
  int fd() const { return fileno(file_); }
  std::string text() const {
    std::string out;
    char buffer[4096];
    off_t at = 0;
    for (ssize_t n; (n = ::pread(fd(), buffer, sizeof buffer, at)) > 0; at += n) {
      out.append(buffer, static_cast<std::size_t>(n));
    }
    return out;
  }
  std::vector<std::string> lines() const {
    std::vector<std::string> out;
    const std::string all = text();
    for (std::size_t from = 0, to; (to = all.find('\n', from)) != std::string::npos; from = to + 1) {
      out.push_back(all.substr(from, to - from));
    }
    return out;
  }

 private:
  FILE* file_;
};

TEST(Log, AFileGetsJsonAndEveryTypeOfField) {
  Capture out;
  Logger log({.fd = out.fd()});
  log.info("started", {{"name", "a \"b\""},
                       {"n", -3},
                       {"big", std::uint64_t{1} << 63},
                       {"x", 1.5},
                       {"on", true},
                       {"inf", std::numeric_limits<double>::infinity()}});
  const auto json = nlohmann::json::parse(out.text());
  EXPECT_EQ(json["level"], "info");
  EXPECT_EQ(json["message"], "started");
  EXPECT_EQ(json["name"], "a \"b\"");
  EXPECT_EQ(json["n"], -3);
  EXPECT_EQ(json["big"], std::uint64_t{1} << 63);
  EXPECT_EQ(json["x"], 1.5);
  EXPECT_EQ(json["on"], true);
  EXPECT_TRUE(json["inf"].is_null());
  EXPECT_THAT(json["time"].get<std::string>(), testing::MatchesRegex("....-..-..T..:..:......Z"));
}

TEST(Log, TextIsOneLineWhateverAGuestWrites) {
  Capture out;
  Logger log({.format = LogFormat::kText, .fd = out.fd()});
  log.info("a\r\n2026 error forged\x1b[2J\x07 \xc2\x9b \xe2\x80\xae \xff back\\slash",
           {{"k", "v\nw"}, {"q", "a \"b\""}, {"e", ""}});
  const auto lines = out.lines();
  ASSERT_EQ(lines.size(), 1);
  EXPECT_THAT(lines[0], HasSubstr(R"(a\r\n2026 error forged\x1b[2J\x07 \x9b \u202e )"));
  EXPECT_THAT(lines[0], HasSubstr(R"(back\\slash k=v\nw q="a \"b\"" e="")"));
  for (const char c : lines[0]) EXPECT_GE(static_cast<unsigned char>(c), 0x20);
}

TEST(Log, JsonStaysOneValidObjectWhateverAGuestWrites) {
  Capture out;
  Logger log({.format = LogFormat::kJson, .fd = out.fd()});
  std::string every;
  for (int c = 0; c < 256; ++c) every += static_cast<char>(c);
  log.info(every, {{"k", every}, {"\"},{\"", "x"}});
  const auto lines = out.lines();
  ASSERT_EQ(lines.size(), 1);
  const auto json = nlohmann::json::parse(lines[0]);
  EXPECT_EQ(json["message"], json["k"]);
  EXPECT_THAT(json["message"].get<std::string>(), HasSubstr("ABC"));
  EXPECT_EQ(json[std::string(5, '_')], "x") << lines[0];
}

TEST(Log, FirstUseOfAKeyWins) {
  Capture out;
  Logger log({.format = LogFormat::kJson, .fd = out.fd()});
  log.info("m", {{"workload", "real"}, {"workload", "forged"}, {"level", "x"}, {"", "empty"}});
  const auto json = nlohmann::json::parse(out.text());
  EXPECT_EQ(json["workload"], "real");
  EXPECT_EQ(json["workload_"], "forged");
  EXPECT_EQ(json["level"], "info");
  EXPECT_EQ(json["level_"], "x");
  EXPECT_EQ(json["_"], "empty");
}

TEST(Log, CutsWhatIsTooLong) {
  Capture out;
  Logger log({.format = LogFormat::kJson, .fd = out.fd()});
  std::vector<Field> fields;
  for (std::size_t i = 0; i < kMaxFields + 3; ++i) fields.emplace_back("k", static_cast<std::uint64_t>(i));
  // The last character that fits has two bytes and one byte of room.
  log.log(Level::kInfo, std::string(kMaxMessageBytes - 1, 'm') + "\xc3\xa4", fields);
  log.info("x", {{std::string(kMaxKeyBytes + 1, 'k'), std::string(kMaxFieldBytes + 1, 'v')}});
  const auto lines = out.lines();
  const auto first = nlohmann::json::parse(lines[0]);
  EXPECT_EQ(first["message"], std::string(kMaxMessageBytes - 1, 'm') + "...");
  EXPECT_EQ(first["fields_dropped"], 3);
  const auto second = nlohmann::json::parse(lines[1]);
  EXPECT_EQ(second[std::string(kMaxKeyBytes, 'k')], std::string(kMaxFieldBytes, 'v') + "...");
}

TEST(Log, RedactsSecretsInMessagesFieldsAndNumbers) {
  Capture out;
  Logger log({.format = LogFormat::kJson, .fd = out.fd()});
  ASSERT_TRUE(log.redact("hunter2"));
  ASSERT_TRUE(log.redact("hunter2-and-more"));
  ASSERT_TRUE(log.redact("987654"));
  log.info("pw=hunter2 and hunter2-and-more!", {{"k", "xhunter2x"}, {"pin", 987654}, {"n", 98765}});
  // A secret across the cut is not written in part.
  log.info(std::string(kMaxMessageBytes - 3, 'm') + "hunter2");
  const std::string text = out.text();
  EXPECT_THAT(text, Not(HasSubstr("hunter2")));
  EXPECT_THAT(text, Not(HasSubstr("hun")));
  EXPECT_THAT(text, HasSubstr("pw=[redacted] and [redacted]!"));
  EXPECT_THAT(text, HasSubstr("\"pin\":\"[redacted]\""));
  EXPECT_THAT(text, HasSubstr("\"n\":98765}"));
  EXPECT_THAT(log.last(2)[0].message, Not(HasSubstr("hunter2")));
}

TEST(Log, RefusesSecretsItCannotRedact) {
  Logger log({.fd = -1});
  EXPECT_EQ(log.redact(std::string(kMinSecretBytes - 1, 'x')).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(log.redact(std::string(kMaxSecretBytes + 1, 'x')).error().code(), Code::kInvalidArgument);
  for (std::size_t i = 0; i < kMaxSecrets; ++i) ASSERT_TRUE(log.redact("secret" + std::to_string(i)));
  EXPECT_TRUE(log.redact("secret0"));
  EXPECT_EQ(log.redact("one more").error().code(), Code::kResourceExhausted);
}

TEST(Log, LevelsFilter) {
  Capture out;
  Logger log({.level = Level::kWarn, .fd = out.fd()});
  log.info("no");
  log.warn("yes");
  EXPECT_FALSE(log.enabled(Level::kInfo));
  log.set_level(Level::kTrace);
  log.log(Level::kTrace, "also");
  EXPECT_EQ(out.lines().size(), 2);
  EXPECT_EQ(parse_level("warn").value(), Level::kWarn);
  EXPECT_THAT(parse_level("loud").error().message(), HasSubstr("write trace, debug"));
}

TEST(Log, RingKeepsTheMostRecent) {
  Logger log({.fd = -1});
  for (std::size_t i = 1; i <= kMaxRingRecords + 5; ++i) log.info("m" + std::to_string(i));
  const auto all = log.recent(0, 10'000);
  ASSERT_EQ(all.size(), kMaxRingRecords);
  EXPECT_EQ(all.front().sequence, 6);
  EXPECT_EQ(log.last(2)[0].message, "m" + std::to_string(kMaxRingRecords + 4));
  const auto next = log.recent(10, 2);
  ASSERT_EQ(next.size(), 2);
  EXPECT_EQ(next[0].sequence, 11);
  EXPECT_TRUE(log.recent(kMaxRingRecords + 5, 10).empty());
}

TEST(Log, RingIsBoundedInBytes) {
  Logger log({.fd = -1});
  const std::string big(kMaxMessageBytes, 'x');
  for (int i = 0; i < 500; ++i) log.info(big);
  const auto all = log.recent(0, 10'000);
  EXPECT_LE(all.size() * kMaxMessageBytes, kMaxRingBytes);
  EXPECT_GE(all.size(), 100);
}

TEST(Log, LinesOfManyThreadsDoNotMix) {
  Capture out;
  {
    Logger log({.format = LogFormat::kJson, .fd = out.fd()});
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&log, t] {
        for (int i = 0; i < 200; ++i) log.info("m", {{"thread", t}, {"i", i}});
      });
    }
  }
  const auto lines = out.lines();
  ASSERT_EQ(lines.size(), 800);
  for (const auto& line : lines) EXPECT_TRUE(nlohmann::json::accept(line)) << line;
}

TEST(Metrics, ExposesEveryTypeAsText) {
  Metrics metrics;
  metrics.counter("jobs_total", "Jobs.", {{"queue", "a\"b\n"}}).value()->add(3);
  metrics.gauge("heat", "Heat.", {}).value()->set(-1.5);
  const auto h = metrics.histogram("took_seconds", "Time.", {}, std::vector<double>{0.1, 1}).value();
  h->observe(0.1);
  h->observe(0.5);
  h->observe(100);
  h->observe(std::nan(""));
  const std::string text = metrics.expose();
  EXPECT_THAT(text, HasSubstr("# TYPE jobs_total counter\njobs_total{queue=\"a\\\"b\\n\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("# HELP heat Heat.\n# TYPE heat gauge\nheat -1.5\n"));
  EXPECT_THAT(text, HasSubstr("took_seconds_count 3\n"));
  EXPECT_THAT(text, HasSubstr("took_seconds_bucket{le=\"0.1\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("took_seconds_bucket{le=\"1\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("took_seconds_bucket{le=\"+Inf\"} 3\n"));
}

TEST(Metrics, SameLabelsGiveTheSameSeries) {
  Metrics metrics;
  const auto a = metrics.counter("c", "", {{"x", "1"}, {"y", "2"}}).value();
  const auto b = metrics.counter("c", "", {{"y", "2"}, {"x", "1"}}).value();
  EXPECT_EQ(a, b);
  EXPECT_NE(a, metrics.counter("c", "", {{"x", "1"}, {"y", "3"}}).value());
}

TEST(Metrics, RefusesWhatPrometheusWould) {
  Metrics metrics;
  const auto code = [](const auto& result) { return result.error().code(); };
  EXPECT_EQ(code(metrics.counter("", "", {})), Code::kInvalidArgument);
  EXPECT_EQ(code(metrics.counter("1a", "", {})), Code::kInvalidArgument);
  EXPECT_EQ(code(metrics.counter("a-b", "", {})), Code::kInvalidArgument);
  EXPECT_EQ(code(metrics.counter(std::string(kMaxMetricNameBytes + 1, 'a'), "", {})), Code::kInvalidArgument);
  EXPECT_EQ(code(metrics.counter("a", "", {{"le", "1"}})), Code::kInvalidArgument);
  EXPECT_EQ(code(metrics.counter("a", "", {{"__x", "1"}})), Code::kInvalidArgument);
  EXPECT_EQ(code(metrics.counter("a", "", {{"x", "1"}, {"x", "2"}})), Code::kInvalidArgument);
  Labels many;
  for (std::size_t i = 0; i <= kMaxLabels; ++i) many.emplace_back("l" + std::to_string(i), "");
  EXPECT_EQ(code(metrics.counter("a", "", many)), Code::kInvalidArgument);
  EXPECT_EQ(code(metrics.histogram("a", "", {}, std::vector<double>{2, 1})), Code::kInvalidArgument);
  EXPECT_EQ(code(metrics.histogram("a", "", {}, std::vector<double>(kMaxBuckets + 1))),
            Code::kInvalidArgument);
  ASSERT_TRUE(metrics.counter("a", "", {{"x", "1"}}));
  EXPECT_EQ(code(metrics.gauge("a", "", {{"x", "1"}})), Code::kAlreadyExists);
  EXPECT_EQ(code(metrics.counter("a", "", {{"y", "1"}})), Code::kAlreadyExists);
  for (std::size_t i = 1; i < kMaxFamilies; ++i) ASSERT_TRUE(metrics.gauge("g" + std::to_string(i), "", {}));
  EXPECT_EQ(code(metrics.gauge("one_more", "", {})), Code::kResourceExhausted);
}

TEST(Metrics, TooManyLabelValuesGoToOther) {
  Metrics metrics;
  std::vector<std::shared_ptr<Counter>> held;
  for (std::size_t i = 0; i < kMaxSeriesPerFamily + 100; ++i) {
    held.push_back(metrics.counter("c", "", {{"user", std::to_string(i)}}).value());
    held.back()->add();
  }
  const std::string text = metrics.expose();
  EXPECT_THAT(text, HasSubstr("c{user=\"other\"} 101\n"));
  EXPECT_THAT(text, HasSubstr("c{user=\"" + std::to_string(kMaxSeriesPerFamily - 2) + "\"} 1\n"));
  EXPECT_EQ(std::ranges::count(text, '\n'), static_cast<long>(kMaxSeriesPerFamily + 1));
}

TEST(Metrics, SeriesNobodyHoldsMakeRoom) {
  Metrics metrics;
  for (std::size_t i = 0; i < kMaxSeriesPerFamily + 100; ++i) {
    metrics.counter("c", "", {{"version", std::to_string(i)}}).value()->add();
  }
  const std::string text = metrics.expose();
  EXPECT_THAT(text, HasSubstr("c{version=\"" + std::to_string(kMaxSeriesPerFamily + 99) + "\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("other")));
}

TEST(Metrics, LongAndInvalidLabelValuesAreCleaned) {
  Metrics metrics;
  metrics.gauge("g", "", {{"x", std::string(kMaxLabelValueBytes - 1, 'a') + "\xff"}}).value()->set(1);
  EXPECT_THAT(metrics.expose(), HasSubstr("\"" + std::string(kMaxLabelValueBytes - 1, 'a') + "\""));
}

TEST(Metrics, CountsOfManyThreadsAddUp) {
  Metrics metrics;
  const auto counter = metrics.counter("c", "", {}).value();
  const auto histogram = metrics.histogram("h", "", {}, latency_buckets()).value();
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 10'000; ++i) {
          counter->add();
          histogram->observe(0.001);
        }
      });
    }
    for (int i = 0; i < 20; ++i) EXPECT_FALSE(metrics.expose().empty());
  }
  EXPECT_EQ(counter->value(), 40'000);
  EXPECT_EQ(histogram->count(), 40'000);
  EXPECT_NEAR(histogram->sum(), 40, 1e-6);
}

TEST(WorkloadMetrics, CountsByWorkloadVersionAndOutcome) {
  Metrics metrics;
  const auto one = WorkloadMetrics::resolve(metrics, "store", "sha256:1").value();
  const auto two = WorkloadMetrics::resolve(metrics, "store", "sha256:2").value();
  one.count_call(CallOutcome::kOk, 0.001);
  two.count_call(CallOutcome::kTrapLimit, 1);
  one.swaps_ok->add();
  two.swaps_ok->add();
  denial_counter(metrics, "store", "sha256:1", "http").value()->add();
  const std::string text = metrics.expose();
  EXPECT_THAT(text,
              HasSubstr("berth_calls_total{outcome=\"ok\",version=\"sha256:1\",workload=\"store\"} 1\n"));
  EXPECT_THAT(
      text,
      HasSubstr("berth_calls_total{outcome=\"trap-limit\",version=\"sha256:2\",workload=\"store\"} 1\n"));
  EXPECT_THAT(text,
              HasSubstr("berth_call_duration_seconds_count{version=\"sha256:1\",workload=\"store\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("berth_swaps_total{result=\"ok\",workload=\"store\"} 2\n"));
  EXPECT_THAT(
      text,
      HasSubstr("berth_denials_total{capability=\"http\",version=\"sha256:1\",workload=\"store\"} 1\n"));
}

}  // namespace
}  // namespace berth::telemetry
