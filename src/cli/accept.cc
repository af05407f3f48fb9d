// berth accept: lets an update of a running workload go on that was held or shut out.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/status_json.h"

namespace berth::cli {

void add_accept(CLI::App& app, int& exit_code) {
  const auto digest = std::make_shared<std::string>();
  add_workload_command(app, exit_code,
                       {.name = "accept",
                        .help = "Let an update go on that is held, or take one again that was shut out",
                        .footer = "Example:\n  berth accept store sha256:5e8a...\n"
                                  "Held: it imports more than the running version, or its answers differed "
                                  "from it.",
                        .method = [] { return "accept"; },
                        .params = [digest] { return Json{{"digest", *digest}}; },
                        .text = update_text})
      ->add_option("DIGEST", *digest, "sha256:..., as `berth status` shows it")
      ->required();
}

}  // namespace berth::cli
