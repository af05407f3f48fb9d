// The sub-commands: each adds itself to the command line; one file each.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace berth::cli {

// `exit_code` is set when the command ran; both outlive the parsing.
void add_up(CLI::App& app, int& exit_code);
void add_run(CLI::App& app, int& exit_code);
void add_inspect(CLI::App& app, int& exit_code);
void add_push(CLI::App& app, int& exit_code);
void add_pull(CLI::App& app, int& exit_code);
void add_copy(CLI::App& app, int& exit_code);
void add_tags(CLI::App& app, int& exit_code);
void add_kube(CLI::App& app, int& exit_code);
void add_keygen(CLI::App& app, int& exit_code);
void add_sign(CLI::App& app, int& exit_code);
void add_verify(CLI::App& app, int& exit_code);
void add_new(CLI::App& app, int& exit_code);
void add_check(CLI::App& app, int& exit_code);
void add_status(CLI::App& app, int& exit_code);
void add_swap(CLI::App& app, int& exit_code);
void add_update(CLI::App& app, int& exit_code);
void add_history(CLI::App& app, int& exit_code);
void add_rollback(CLI::App& app, int& exit_code);
void add_pin(CLI::App& app, int& exit_code);
void add_accept(CLI::App& app, int& exit_code);
void add_logs(CLI::App& app, int& exit_code);
void add_gather(CLI::App& app, int& exit_code);
void add_reference(CLI::App& app, int& exit_code);
void add_compile(CLI::App& app, int& exit_code);
void add_version(CLI::App& app, int& exit_code);

// "berth 0.1.0"
[[nodiscard]] std::string version_line();

// The whole program: parses, runs one command, returns its exit code. Does not throw.
[[nodiscard]] int run_program(int argc, char** argv);

}  // namespace berth::cli
