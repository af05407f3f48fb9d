// berth swap: publishes another version of a running workload.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/status_json.h"

namespace berth::cli {
namespace {

struct SwapOptions {
  std::string workload;
  std::string file;
  std::string socket;
  bool json = false;
};

Result<int> swap(const SwapOptions& options) {
  ControlClient host = BERTH_TRY(connect_host(options.socket));
  // The host has another working directory.
  std::error_code error;
  const std::filesystem::path file = std::filesystem::absolute(options.file, error);
  if (error) return fail(Code::kInvalidArgument, "cannot resolve " + options.file + ": " + error.message());
  const Json report = BERTH_TRY(host.call("swap", {{"workload", options.workload}, {"file", file.string()}}));
  if (options.json)
    print_text(report.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  else
    print_line(stdout, options.workload + ": " + swap_text(report));
  return kOk;
}

}  // namespace

void add_swap(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("swap", "Publish another version of a running workload");
  const auto options = std::make_shared<SwapOptions>();
  command->add_option("WORKLOAD", options->workload, "Its name in the manifest")->required();
  command->add_option("FILE", options->file, "The new component")->required();
  add_socket_option(*command, options->socket);
  command->add_flag("--json", options->json, "Print the report as JSON");
  command->footer(
      "Example:\n  berth swap store build/guests/store-v2.wasm\n"
      "Calls in flight finish on the old version. When it fails, the old version goes on. It serves until "
      "the "
      "source of the workload changes.");
  command->callback([&exit_code, options] { exit_code = client_exit_code([&] { return swap(*options); }); });
}

}  // namespace berth::cli
