// berth status: what a running host runs, and how it goes.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/status_json.h"

namespace berth::cli {
namespace {

struct StatusOptions {
  std::string socket;
  bool json = false;
};

Result<int> status(const StatusOptions& options) {
  ControlClient host = BERTH_TRY(connect_host(options.socket));
  const Json answer = BERTH_TRY(host.call("status", Json::object()));
  print_text(options.json ? answer.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"
                          : status_text(answer));
  return kOk;
}

}  // namespace

void add_status(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("status", "Show the workloads of a running host");
  const auto options = std::make_shared<StatusOptions>();
  add_socket_option(*command, options->socket);
  command->add_flag("--json", options->json, "Print JSON");
  command->footer("Example:\n  berth status --json\nExit code 4 when no host answers.");
  command->callback(
      [&exit_code, options] { exit_code = client_exit_code([&] { return status(*options); }); });
}

}  // namespace berth::cli
