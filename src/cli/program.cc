// The command line as a whole: sub-commands, usage errors, the last net for exceptions.
#include <CLI/CLI.hpp>
#include <exception>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/output.h"

namespace berth::cli {

int run_program(int argc, char** argv) {
  try {
    CLI::App app{
        "Runs WebAssembly components: what each may do stands in one file, and a new build of one replaces "
        "it\n"
        "without losing a call."};
    app.name("berth");
    app.set_version_flag("--version", version_line());
    app.require_subcommand(1);
    app.footer(
        "Exit codes: 0 done, 1 failed, 2 wrong command line, 3 wrong manifest or file, 4 no running host, 5 "
        "refused.\n"
        "\"berth COMMAND --help\" shows an example.");
    int code = kOk;
    add_up(app, code);
    add_run(app, code);
    add_inspect(app, code);
    add_push(app, code);
    add_pull(app, code);
    add_copy(app, code);
    add_tags(app, code);
    add_kube(app, code);
    add_keygen(app, code);
    add_sign(app, code);
    add_verify(app, code);
    add_new(app, code);
    add_check(app, code);
    add_status(app, code);
    add_swap(app, code);
    add_update(app, code);
    add_history(app, code);
    add_rollback(app, code);
    add_pin(app, code);
    add_accept(app, code);
    add_logs(app, code);
    add_gather(app, code);
    add_reference(app, code);
    add_compile(app, code);
    add_version(app, code);
    try {
      app.parse(argc, argv);
    } catch (const CLI::Success& e) {  // --help, --version
      return app.exit(e);
    } catch (const CLI::ParseError& e) {
      print_error(e.what());
      const CLI::App* shown = app.get_subcommands().empty() ? &app : app.get_subcommands().front();
      print_line(stderr, "try: berth" + (shown == &app ? "" : " " + shown->get_name()) + " --help");
      return kUsage;
    }
    return code;
  } catch (const std::exception& e) {
    print_error(std::string("unexpected: ") + e.what());
    return kFailure;
  }
}

}  // namespace berth::cli
