// berth logs: the most recent log records of a running host.
#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/limits.h"
#include "cli/output.h"

namespace berth::cli {
namespace {

// Fast enough to read along, slow enough to cost nothing.
constexpr std::chrono::milliseconds kFollowInterval{250};

struct LogsOptions {
  std::size_t count = 100;
  bool follow = false;
  bool json = false;
  std::string socket;
};

Result<int> logs(const LogsOptions& options) {
  ControlClient host = BERTH_TRY(connect_host(options.socket));
  Json params = {{"last", options.count}};
  for (;;) {
    const Json answer = BERTH_TRY(host.call("logs", params));
    const auto records = answer.find("records");
    if (records == answer.end() || !records->is_array())
      return fail(Code::kInternal, "the host's answer has no records");
    for (const Json& record : *records) print_line(stdout, text_at(record, options.json ? "/json" : "/text"));
    if (!options.follow) return kOk;
    params = {{"after", answer.value("sequence", std::uint64_t{0})}};
    std::this_thread::sleep_for(kFollowInterval);
  }
}

}  // namespace

void add_logs(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("logs", "Show the last log records of a running host");
  const auto options = std::make_shared<LogsOptions>();
  command->add_flag("-f,--follow", options->follow, "Go on with new records until Ctrl-C");
  command->add_option("-n", options->count, "How many of the last records")
      ->check(CLI::Range(std::size_t{0}, kMaxLogRecords));
  command->add_flag("--json", options->json, "Print each record as a JSON object");
  add_socket_option(*command, options->socket);
  command->footer("Example:\n  berth logs -f -n 20");
  command->callback([&exit_code, options] { exit_code = client_exit_code([&] { return logs(*options); }); });
}

}  // namespace berth::cli
