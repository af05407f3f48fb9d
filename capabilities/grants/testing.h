// What the tests of grants share: a section from YAML, and a logger whose records are read back.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "capabilities/grants/capability.h"
#include "manifest/yaml.h"

namespace berth::grants::testing {

// A workload "shop" with a logger that writes to nowhere and keeps its records.
class Process {
 public:
  Process()
      : fd_(::open("/dev/null", O_WRONLY | O_CLOEXEC)),
        log_({.level = telemetry::Level::kTrace, .format = telemetry::LogFormat::kJson, .fd = fd_}) {}
  ~Process() { ::close(fd_); }

  [[nodiscard]] Services services(std::string workload = "shop") {
    return {.workload = std::move(workload), .log = log_, .metrics = metrics_};
  }
  [[nodiscard]] telemetry::Logger& log() { return log_; }
  [[nodiscard]] telemetry::Metrics& metrics() { return metrics_; }
  // The kept records as JSON lines.
  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> out;
    for (const auto& record : log_.last(kKept)) out.push_back(telemetry::render_json(record));
    return out;
  }
  [[nodiscard]] bool logged(std::string_view text) const {
    return std::ranges::any_of(log_.last(kKept), [&](const telemetry::LogRecord& record) {
      return telemetry::render_text(record).contains(text);
    });
  }

 private:
  static constexpr std::size_t kKept = 1000;
  int fd_;
  telemetry::Logger log_;
  telemetry::Metrics metrics_;
};

// What reading `yaml` as the section of `capability` gives: a Maker, or the problems as text.
struct Reading {
  Maker maker;
  std::string problems;
};
inline Reading read(const Capability& capability, std::string_view yaml) {
  manifest::Problems problems("berth.yaml");
  const auto value = manifest::parse_yaml(yaml, problems);
  if (!value || !problems.empty()) return {{}, problems.to_string()};
  Maker maker = capability.read(*value, "grants." + capability.info.name, problems);
  EXPECT_EQ(static_cast<bool>(maker), problems.empty()) << problems.to_string();
  return {std::move(maker), problems.empty() ? std::string() : problems.to_string()};
}

// The grant that `yaml` describes; fails the test when it has problems.
inline std::shared_ptr<const host::Grant> grant(const Capability& capability, std::string_view yaml,
                                                const Services& services) {
  const Reading reading = read(capability, yaml);
  EXPECT_TRUE(reading.maker) << reading.problems;
  if (!reading.maker) return nullptr;
  auto made = reading.maker(services);
  EXPECT_TRUE(made) << made.error().message();
  return made ? *made : nullptr;
}

}  // namespace berth::grants::testing
