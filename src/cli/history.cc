// berth history: the versions of a running workload that the store remembers.
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/status_json.h"

namespace berth::cli {

void add_history(CLI::App& app, int& exit_code) {
  add_workload_command(app, exit_code,
                       {.name = "history",
                        .help = "Show which versions of a workload were good, refused or held",
                        .footer = "Example:\n  berth history store\n"
                                  "What was good can be returned to: berth rollback store --to DIGEST.",
                        .method = [] { return "history"; },
                        .text = [](std::string_view, const Json& answer) { return history_text(answer); }});
}

}  // namespace berth::cli
