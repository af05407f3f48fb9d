// berth pin: keeps a running workload at one version.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/status_json.h"

namespace berth::cli {

void add_pin(CLI::App& app, int& exit_code) {
  struct Options {
    std::string digest;
    bool off = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* command = add_workload_command(
      app, exit_code,
      {.name = "pin",
       .help = "Take no version of a workload but this one",
       .footer = "Example:\n  berth pin store\n  berth pin store --off\n"
                 "The pin outlives the host: it starts with that version, also without the source.",
       .method = [options] { return options->off ? "unpin" : "pin"; },
       .params =
           [options] { return options->digest.empty() ? Json::object() : Json{{"digest", options->digest}}; },
       .text = update_text});
  CLI::Option* digest =
      command->add_option("DIGEST", options->digest, "sha256:...; by default the version that serves");
  command->add_flag("--off", options->off, "Take updates again")->excludes(digest);
}

}  // namespace berth::cli
