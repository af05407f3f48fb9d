// Updater: watch, update, retry.
#include "cli/updater.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace berth::cli {
namespace {

using std::chrono::milliseconds;
using Event = artifact::FileWatch::Event;

constexpr milliseconds kFirstRetry{1'000};
constexpr milliseconds kLastRetry{60'000};
constexpr milliseconds kNoRetry{std::chrono::hours{1}};

// The same file may do next time.
bool may_pass(Code code) {
  return code == Code::kBusy || code == Code::kDeadlineExceeded || code == Code::kAborted ||
         code == Code::kUnavailable;
}

}  // namespace

Result<std::unique_ptr<Updater>> Updater::create(const std::string& workload,
                                                 const std::filesystem::path& file, telemetry::Logger& log) {
  artifact::FileWatch watch = BERTH_TRY(artifact::FileWatch::create(file));
  return std::unique_ptr<Updater>(new Updater(workload, std::move(watch), log));
}

void Updater::start(std::function<Result<>()> update) {
  thread_ = std::jthread([this, update = std::move(update)] { run(update); });
}

Updater::~Updater() { watch_.stop(); }

void Updater::run(const std::function<Result<>()>& update) {
  milliseconds pause = kFirstRetry;
  bool failed = false;
  for (;;) {
    const Event event = watch_.wait(failed ? pause : kNoRetry);
    if (event == Event::kStopped) return;
    if (event == Event::kTimeout && !failed) continue;
    pause = event == Event::kChanged ? kFirstRetry : std::min(pause * 2, kLastRetry);
    const Result<> updated = update();
    failed = !updated && may_pass(updated.error().code());
    if (!updated) {
      log_.error("the new version was refused, the old one goes on",
                 {{"workload", workload_},
                  {"error", updated.error().message()},
                  {"detail", updated.error().detail()},
                  {"retry", failed ? std::to_string(pause.count()) + "ms" : "when the file changes"}});
    }
  }
}

}  // namespace berth::cli
