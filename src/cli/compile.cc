// berth compile: the process in which a host compiles; nothing for a person.
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "host/component/compile_command.h"

namespace berth::cli {

void add_compile(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("compile", "Compile for a running host, which starts it itself");
  command->group("");  // in no list of commands
  command->prefix_command();
  command->callback([&exit_code, command] {
    exit_code = static_cast<int>(host::run_compile_command(command->remaining()));
  });
}

}  // namespace berth::cli
