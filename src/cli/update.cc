// berth update: has a running host look at the source of a workload now.
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/status_json.h"

namespace berth::cli {

void add_update(CLI::App& app, int& exit_code) {
  add_workload_command(app, exit_code,
                       {.name = "update",
                        .help = "Look at the source of a workload now",
                        .footer = "Example:\n  berth update store\n"
                                  "Returns at once; `berth status` shows how far it is.",
                        .method = [] { return "update"; },
                        .text = update_text});
}

}  // namespace berth::cli
