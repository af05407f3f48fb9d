// berth history: the versions of a running workload that the store remembers.
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

Result<int> history(const Options& options) {
  ControlClient host = BERTH_TRY(connect_host(options.socket));
  Json params = {{"workload", options.workload}};
  print_answer(BERTH_TRY(host.call("history", params)), options.json, history_text);
  return kOk;
}

}  // namespace

void add_history(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("history", "Show which versions of a workload were good, refused or held");
  const auto options = std::make_shared<Options>();
  command->add_option("WORKLOAD", options->workload, "Its name in the manifest")->required();
  add_socket_option(*command, options->socket);
  command->add_flag("--json", options->json, "Print the answer as JSON");
  command->footer(
      "Example:\n  berth history store\nWhat was good can be returned to: berth rollback store --to DIGEST.");
  command->callback(
      [&exit_code, options] { exit_code = client_exit_code([&] { return history(*options); }); });
}

}  // namespace berth::cli
