// What commands to a running host share: the option that names the socket, one call, its answer.
#pragma once

#include <functional>
#include <string>

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

// An answer as JSON, or as `text` shows it.
void print_answer(const Json& answer, bool json, const std::function<std::string(const Json&)>& text);

}  // namespace berth::cli
