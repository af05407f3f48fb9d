// berth version
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"

namespace berth::cli {

std::string version_line() { return "berth " BERTH_VERSION; }

void add_version(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("version", "Print the version");
  const auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "Print JSON");
  command->footer("Example:\n  berth version --json");
  command->callback([&exit_code, json] {
    print_line(stdout, *json ? nlohmann::json{{"version", BERTH_VERSION}}.dump() : version_line());
    exit_code = kOk;
  });
}

}  // namespace berth::cli
