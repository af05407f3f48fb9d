// For tests: one workload with its store and its updates, on the components of tests/host/counter.h.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "artifact/store/test_files.h"
#include "artifact/store/test_store.h"
#include "cli/kept_code.h"
#include "cli/served.h"
#include "host/component/improver.h"
#include "host/component/tiers.h"
#include "net/io_context.h"
#include "telemetry/log.h"
#include "tests/host/counter.h"

namespace berth::update {

namespace fs = std::filesystem;
using artifact::Digest;
using host::test::Counter;
using host::test::CounterText;

// A version of the counter: add(1) answers `step`, whatever came before.
inline artifact::Artifact version(int step, CounterText text = {}) {
  text.step = std::to_string(step);
  return host::test::artifact_of(host::test::counter_text(text));
}

inline void replace_file(const fs::path& file, const std::vector<std::uint8_t>& bytes) {
  artifact::write_file(file.string() + ".new", bytes);
  fs::rename(file.string() + ".new", file);
}

// What a host has around its workloads; its store is in `folder`/store, its source folder/a.wasm.
struct Yard {
  explicit Yard(fs::path where, FileSystem& files)
      : folder(std::move(where)),
        store(open(files)),
        kept(store),
        tiers(dock.engine, {.compiler = {.program = BERTH_BINARY_DIR "/berth"}}, &kept),
        loader(dock.engine, dock.pool,
               {{.name = "slow",
                 .covers = [](std::string_view i) { return i == "test:host/slow@0.1.0"; },
                 .grant_line = "slow: {}"}},
               &tiers) {
    manifest.file = "/berth.yaml";  // wherever the folder is, the record is the same
    spec.name = "counter";
    spec.source = {
        .kind = manifest::Source::Kind::kFile, .text = "file:a.wasm", .path = folder / "a.wasm", .mark = {}};
    spec.update.watch = false;
    spec.update.rollback.reset();
  }
  ~Yard() {
    served.reset();
    ::close(log_fd);
  }

  artifact::Store open(FileSystem& files) {
    auto opened = artifact::Store::open(
        {.folder = folder / "store", .notice = [this](const Error& e) { log.info(e.message()); }}, files);
    if (!opened) throw std::runtime_error(opened.error().to_string());
    return std::move(*opened);
  }

  Result<> start() {
    auto origin = BERTH_TRY(cli::Origin::open(manifest, spec, *io));
    served = BERTH_TRY(cli::Served::start(spec, dock.request(), std::move(origin),
                                          {.log = log,
                                           .loader = loader,
                                           .host = dock.host,
                                           .improver = improver,
                                           .store = store,
                                           .workers = *workers,
                                           .keep = 3,
                                           .manifest = manifest.file}));
    return {};
  }
  // Also looks at the source when the store's version was started.
  void begin() { served->begin_updates(); }

  [[nodiscard]] std::string digest() const { return served->workload()->status().current.digest; }
  [[nodiscard]] cli::Json status() const { return served->update_status(); }
  [[nodiscard]] std::string state() const { return status()["state"]; }
  // add(1) on an instance of its own: the step of the version that serves.
  [[nodiscard]] Result<std::uint32_t> ask() const {
    const auto add = [](Counter& c) { return c.add(1); };
    return host::Typed<Counter>::of(served->workload())->call({}, add, [add] { return add; });
  }
  // Waits until what is in progress is over, and recorded.
  std::string settled() const {
    static constexpr std::string_view kOver[] = {"idle",        "held",    "good",
                                                 "rolled-back", "refused", "watching"};
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    for (;;) {
      const std::string now = state();
      if (std::ranges::find(kOver, now) != std::end(kOver)) {
        served->rest();
        return now;
      }
      if (std::chrono::steady_clock::now() > until) throw std::runtime_error("still " + now);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  std::string look() const {
    served->look();
    return settled();
  }
  [[nodiscard]] std::string logged() const {
    std::string out;
    for (const telemetry::LogRecord& record : log.recent(0, 10'000))
      out += telemetry::render_text(record) + "\n";
    return out;
  }

  const fs::path folder;
  int log_fd = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  telemetry::Logger log{
      {.level = telemetry::Level::kDebug, .format = telemetry::LogFormat::kText, .fd = log_fd}};
  host::test::Dock dock;
  artifact::Store store;
  cli::KeptCode kept;
  host::Tiers tiers;
  host::Loader loader;
  host::Improver improver{loader, [](const host::ImproverReport&) {}};
  std::unique_ptr<net::IoContext> io = *net::IoContext::create(1);
  std::unique_ptr<net::IoContext> workers = *net::IoContext::create(2);
  manifest::Manifest manifest;
  manifest::Workload spec;
  std::unique_ptr<cli::Served> served;
};

// A folder with a source that has version(1).
class UpdateTest : public testing::Test {
 protected:
  UpdateTest() { put(version(1)); }
  void put(const artifact::Artifact& v) { replace_file(folder() / "a.wasm", v.bytes); }
  [[nodiscard]] const fs::path& folder() const { return folder_.path(); }

  SystemFiles files_;

 private:
  TestFolder folder_{TestFolder::Where::kInMemory};
};

}  // namespace berth::update
