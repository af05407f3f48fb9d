// berth pin: keeps a running workload at one version.
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
  bool off = false;
  std::string socket;
  bool json = false;
};

Result<int> pin(const Options& options) {
  ControlClient host = BERTH_TRY(connect_host(options.socket));
  Json params = {{"workload", options.workload}};
  if (!options.digest.empty()) params["digest"] = options.digest;
  print_answer(BERTH_TRY(host.call(options.off ? "unpin" : "pin", params)), options.json,
               [&](const Json& a) { return update_text(options.workload, a); });
  return kOk;
}

}  // namespace

void add_pin(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("pin", "Take no version of a workload but this one");
  const auto options = std::make_shared<Options>();
  command->add_option("WORKLOAD", options->workload, "Its name in the manifest")->required();
  CLI::Option* digest =
      command->add_option("DIGEST", options->digest, "sha256:...; by default the version that serves");
  command->add_flag("--off", options->off, "Take updates again")->excludes(digest);
  add_socket_option(*command, options->socket);
  command->add_flag("--json", options->json, "Print the answer as JSON");
  command->footer(
      "Example:\n  berth pin store\n  berth pin store --off\n"
      "The pin outlives the host: it starts with that version, also without the source.");
  command->callback([&exit_code, options] { exit_code = client_exit_code([&] { return pin(*options); }); });
}

}  // namespace berth::cli
