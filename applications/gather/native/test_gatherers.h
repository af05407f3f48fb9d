// Native gatherers for tests: the host's calls and the agent without an engine, also under TSan.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "applications/gather/native/gatherer.h"
#include "applications/gather/native/run.h"
#include "host/host.h"
#include "host/version.h"
#include "net/io_context.h"
#include "telemetry/metrics.h"

namespace berth::gather {

using Ended = Result<std::expected<void, std::string>>;
using TestGatherer = std::function<Ended(Output&, const std::string& parameters, Budget)>;

class TestGatherers final : public host::Guest, public Gatherers {
 public:
  explicit TestGatherers(const std::map<std::string, TestGatherer>& all) : all_(all) {}
  void* exports() override { return static_cast<Gatherers*>(this); }
  [[nodiscard]] bool dead() const override { return dead_; }

  Task<Result<std::vector<Description>>> list() override {
    std::vector<Description> out;
    for (const auto& [name, unused] : all_)
      out.push_back({.name = name, .text = "A case.", .records = {}, .by_rule = name.starts_with("rule")});
    co_return out;
  }
  Task<Ended> gather(std::string name, std::string parameters, Budget budget,
                     std::shared_ptr<Output> output) override {
    auto ended = all_.at(name)(*output, parameters, budget);
    dead_ = !ended && ended.error().code() == Code::kTrap;
    co_return ended;
  }

 private:
  const std::map<std::string, TestGatherer>& all_;
  bool dead_ = false;
};

// A host with one workload of native gatherers.
class TestHost {
 public:
  explicit TestHost(std::map<std::string, TestGatherer> gatherers) : gatherers_(std::move(gatherers)) {
    host::Version::About about{.digest = "sha256:0",
                               .source = "native",
                               .exports = host::exports_type<Gatherers>(),
                               .fibre = false,
                               .probe = false,
                               .handover = false};
    workload_ =
        host_
            .start({.name = "cases", .limits = {.call = std::chrono::seconds(10)}},
                   std::make_shared<host::NativeVersion>(std::move(about),
                                                         [this]() -> Result<std::unique_ptr<host::Guest>> {
                                                           return std::make_unique<TestGatherers>(gatherers_);
                                                         }))
            .value();
  }
  [[nodiscard]] std::vector<Source> sources() const {
    return {{.workload = "cases",
             .gatherers = host::Typed<Gatherers>::of(workload_).value(),
             .only = {},
             .parameters = {}}};
  }
  [[nodiscard]] net::IoContext& io() { return *io_; }
  [[nodiscard]] telemetry::Metrics& metrics() { return metrics_; }
  [[nodiscard]] host::Workload& workload() { return *workload_; }

 private:
  const std::map<std::string, TestGatherer> gatherers_;
  telemetry::Metrics metrics_;
  std::unique_ptr<net::IoContext> io_ = net::IoContext::create(2).value();
  host::Host host_{*io_, metrics_};
  std::shared_ptr<host::Workload> workload_;
};

// A folder that is removed at the end.
class TestFolder {
 public:
  TestFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "berth-gather-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, std::string_view content) const {
    std::ofstream(path_ / name, std::ios::binary) << content;
    return path_ / name;
  }
  // Names in it, sorted; those with a dot in front only when asked for.
  [[nodiscard]] std::vector<std::string> names(bool hidden = false) const {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      const std::string name = entry.path().filename().string();
      if (hidden || !name.starts_with('.')) out.push_back(name);
    }
    std::ranges::sort(out);
    return out;
  }

 private:
  std::filesystem::path path_;
};

inline std::expected<void, Refusal> put(Output& out, std::string_view path, std::string_view content,
                                        bool always = false) {
  return out
      .put({.path = path,
            .content = {reinterpret_cast<const std::uint8_t*>(content.data()), content.size()},
            .captured = {},
            .always_stored = always})
      .value();
}

}  // namespace berth::gather
