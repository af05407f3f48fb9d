// berth update: has a running host look at the source of a workload now.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/status_json.h"

namespace berth::cli {
namespace {

struct Options {
  std::string workload;
  std::string socket;
  bool json = false;
};

Result<int> update(const Options& options) {
  ControlClient host = BERTH_TRY(connect_host(options.socket));
  Json params = {{"workload", options.workload}};
  print_answer(BERTH_TRY(host.call("update", params)), options.json,
               [&](const Json& a) { return update_text(options.workload, a); });
  return kOk;
}

}  // namespace

void add_update(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("update", "Look at the source of a workload now");
  const auto options = std::make_shared<Options>();
  command->add_option("WORKLOAD", options->workload, "Its name in the manifest")->required();
  add_socket_option(*command, options->socket);
  command->add_flag("--json", options->json, "Print the answer as JSON");
  command->footer("Example:\n  berth update store\nReturns at once; `berth status` shows how far it is.");
  command->callback(
      [&exit_code, options] { exit_code = client_exit_code([&] { return update(*options); }); });
}

}  // namespace berth::cli
