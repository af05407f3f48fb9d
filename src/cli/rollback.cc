// berth rollback: gives up the version of a running workload that is on trial or serves.
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
  std::string to;
  std::string socket;
  bool json = false;
};

Result<int> roll_back(const Options& options) {
  ControlClient host = BERTH_TRY(connect_host(options.socket));
  Json params = {{"workload", options.workload}};
  if (!options.to.empty()) params["digest"] = options.to;
  print_answer(BERTH_TRY(host.call("rollback", params)), options.json,
               [&](const Json& a) { return update_text(options.workload, a); });
  return kOk;
}

}  // namespace

void add_rollback(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("rollback", "Return to an earlier version of a workload");
  const auto options = std::make_shared<Options>();
  command->add_option("WORKLOAD", options->workload, "Its name in the manifest")->required();
  command->add_option("--to", options->to,
                      "Digest of the version to return to, sha256:...; by default the good one before");
  add_socket_option(*command, options->socket);
  command->add_flag("--json", options->json, "Print the answer as JSON");
  command->footer(
      "Example:\n  berth rollback store\n"
      "The version that is given up is shut out: it is not taken again until `berth accept WORKLOAD "
      "DIGEST`.");
  command->callback(
      [&exit_code, options] { exit_code = client_exit_code([&] { return roll_back(*options); }); });
}

}  // namespace berth::cli
