// berth up: runs what a manifest says until it is told to stop.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/known.h"
#include "cli/output.h"
#include "cli/running_host.h"
#include "cli/stop_signal.h"
#include "manifest/manifest.h"
#include "telemetry/log.h"

namespace berth::cli {
namespace {

struct UpOptions {
  std::string file;
};

// The first signal is kept for wait() once the host serves; before that, and at a second one, a signal ends
// the process: components compile for seconds, and a person who asks twice means it.
// Thread-safe.
class StopRequest final {
 public:
  StopRequest() : signal_([this](int count) { arrived(count); }) {}
  void serves() {
    const std::lock_guard lock(mutex_);
    serving_ = true;
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return requested_; });
  }

 private:
  void arrived(int count) {
    const std::lock_guard lock(mutex_);
    if (!serving_ || count > 1) ::_exit(kInterrupted);
    requested_ = true;
    changed_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool serving_ = false;
  bool requested_ = false;
  StopSignal signal_;  // last: begins when the rest is there
};

int up(const UpOptions& options) {
  const Known known;
  const auto loaded = manifest::load(options.file, known.options());
  if (!loaded) {
    for (const Error& error : loaded.error().errors()) print_error(error);
    if (loaded.error().more() > 0) print_error(fmt::format("{} more problems", loaded.error().more()));
    return kBadInput;
  }
  // A log that nobody reads any more must not end the host.
  ::signal(SIGPIPE, SIG_IGN);
  // Nor a limit of the size of files: whoever writes is told.
  ::signal(SIGXFSZ, SIG_IGN);
  StopRequest stop_request;
  telemetry::Logger log(log_options(loaded->telemetry));
  auto host = RunningHost::start(*loaded, known, log, {.serves = [&] { stop_request.serves(); }});
  if (!host) {
    print_error(host.error());
    return exit_code(host.error().code());
  }
  log.info("ready", {{"manifest", options.file}, {"workloads", loaded->workloads.size()}});
  stop_request.wait();
  log.info("stopping: no new calls, waiting for those in progress");
  (*host)->stop();
  log.info("stopped");
  return kOk;
}

}  // namespace

void add_up(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("up", "Run what a manifest says");
  const auto options = std::make_shared<UpOptions>();
  command->add_option("FILE", options->file, "The manifest")->required();
  command->footer(
      "Example:\n  berth up applications/statestore/berth.yaml\n"
      "Ctrl-C or SIGTERM: calls in progress finish within their drain time, then it exits with 0.");
  command->callback([&exit_code, options] { exit_code = up(*options); });
}

}  // namespace berth::cli
