// berth rollback: gives up the version of a running workload that is on trial or serves.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/status_json.h"

namespace berth::cli {

void add_rollback(CLI::App& app, int& exit_code) {
  const auto to = std::make_shared<std::string>();
  add_workload_command(app, exit_code,
                       {.name = "rollback",
                        .help = "Return to an earlier version of a workload",
                        .footer = "Example:\n  berth rollback store\n"
                                  "The version that is given up is shut out: it is not taken again until "
                                  "`berth accept WORKLOAD DIGEST`.",
                        .method = [] { return "rollback"; },
                        .params = [to] { return to->empty() ? Json::object() : Json{{"digest", *to}}; },
                        .text = update_text})
      ->add_option("--to", *to,
                   "Digest of the version to return to, sha256:...; by default the good one before");
}

}  // namespace berth::cli
