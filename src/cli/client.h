// What commands to a running host share: the option that names the socket, and one call.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "cli/control.h"

namespace CLI {
class App;
}

namespace berth::cli {

// Adds --socket to a command that talks to a running host.
void add_socket_option(CLI::App& command, std::string& socket);

// Connects to the socket (the default one when empty).
[[nodiscard]] Result<ControlClient> connect_host(const std::string& socket);

// Runs `body`, prints its error, gives the exit code: kUnreachable when no host answers.
[[nodiscard]] int client_exit_code(const std::function<Result<int>()>& body);

// A field of an answer as text, "" when it is not there.
[[nodiscard]] std::string text_at(const Json& object, const char* pointer);

// A command that asks a running host one thing about one workload. Plain value.
struct WorkloadCommand {
  std::string name;
  std::string help;
  std::string footer;
  std::function<std::string()> method;  // of the control socket; called when the command runs, as the next
  std::function<Json()> params = [] { return Json::object(); };                    // besides the workload
  std::function<std::string(std::string_view workload, const Json& answer)> text;  // without --json
};
// Adds it with WORKLOAD, --socket and --json; the caller adds what else it takes. `exit_code` is set when it
// ran.
CLI::App* add_workload_command(CLI::App& app, int& exit_code, WorkloadCommand command);

}  // namespace berth::cli
