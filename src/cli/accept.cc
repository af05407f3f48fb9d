// berth accept: lets an update of a running workload go on that was held or shut out.
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
  std::string digest;
  std::string socket;
  bool json = false;
};

Result<int> accept(const Options& options) {
  ControlClient host = BERTH_TRY(connect_host(options.socket));
  Json params = {{"workload", options.workload}};
  params["digest"] = options.digest;
  print_answer(BERTH_TRY(host.call("accept", params)), options.json,
               [&](const Json& a) { return update_text(options.workload, a); });
  return kOk;
}

}  // namespace

void add_accept(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("accept", "Let an update go on that is held, or take one again that was shut out");
  const auto options = std::make_shared<Options>();
  command->add_option("WORKLOAD", options->workload, "Its name in the manifest")->required();
  command->add_option("DIGEST", options->digest, "sha256:..., as `berth status` shows it")->required();
  add_socket_option(*command, options->socket);
  command->add_flag("--json", options->json, "Print the answer as JSON");
  command->footer(
      "Example:\n  berth accept store sha256:5e8a...\n"
      "Held: it imports more than the running version, or its answers differed from it.");
  command->callback(
      [&exit_code, options] { exit_code = client_exit_code([&] { return accept(*options); }); });
}

}  // namespace berth::cli
