// berth reference: the manifest's documentation, from the code that reads it.
#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/known.h"
#include "cli/output.h"
#include "manifest/manifest.h"

namespace berth::cli {

void add_reference(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("reference", "Print every key of a manifest, as Markdown");
  command->footer("Example:\n  berth reference | less");
  command->callback([&exit_code] {
    const Known known;
    print_text(manifest::reference(known.options()));
    exit_code = kOk;
  });
}

}  // namespace berth::cli
