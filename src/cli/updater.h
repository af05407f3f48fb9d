// Updater: swaps a workload when the file of its component is replaced.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "artifact/file_watch.h"
#include "base/error.h"
#include "telemetry/log.h"

namespace berth::cli {

// Has one thread, so that a slow swap of one workload holds back no other.
// Thread-safe.
class Updater final {
 public:
  // `update` loads and publishes what is in the file; it blocks. Its failure is logged and, where it
  // may go better the next time (busy, a deadline), tried again with growing pauses; otherwise the
  // next change of the file is waited for. Remembers the file as it is now: make the Updater before
  // the file is first read. The logger outlives it.
  [[nodiscard]] static Result<std::unique_ptr<Updater>> create(const std::string& workload,
                                                               const std::filesystem::path& file,
                                                               telemetry::Logger& log);
  // Begins to watch.
  void start(std::function<Result<>()> update);
  // Waits for an update that runs.
  ~Updater();
  Updater(const Updater&) = delete;
  Updater& operator=(const Updater&) = delete;

 private:
  Updater(std::string workload, artifact::FileWatch watch, telemetry::Logger& log)
      : workload_(std::move(workload)), watch_(std::move(watch)), log_(log) {}
  void run(const std::function<Result<>()>& update);

  std::string workload_;
  artifact::FileWatch watch_;
  telemetry::Logger& log_;
  std::jthread thread_;
};

}  // namespace berth::cli
