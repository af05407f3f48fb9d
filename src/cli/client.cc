// Talking to a running host.
#include "cli/client.h"

#include <CLI/CLI.hpp>

#include "cli/exit_code.h"
#include "cli/output.h"

namespace berth::cli {

void add_socket_option(CLI::App& command, std::string& socket) {
  command.add_option(
      "--socket", socket,
      "The host's control socket (default: $BERTH_SOCKET, else $XDG_RUNTIME_DIR/berth/control.sock, else "
      "/tmp/berth-UID/control.sock)");
}

Result<ControlClient> connect_host(const std::string& socket) {
  return ControlClient::connect(socket.empty() ? default_socket() : std::filesystem::path(socket));
}

int client_exit_code(const std::function<Result<int>()>& body) {
  const Result<int> code = body();
  if (code) return *code;
  print_error(code.error());
  return code.error().code() == Code::kUnavailable ? static_cast<int>(kUnreachable)
                                                   : exit_code(code.error().code());
}

std::string text_at(const Json& object, const char* pointer) {
  const Json::json_pointer path(pointer);
  if (!object.contains(path)) return {};
  const Json& value = object.at(path);
  if (value.is_string()) return value.get<std::string>();
  return value.is_null() ? std::string() : to_line(value);
}

void print_answer(const Json& answer, bool json, const std::function<std::string(const Json&)>& text) {
  print_text(json ? answer.dump(2, ' ', false, Json::error_handler_t::replace) + "\n" : text(answer));
}

}  // namespace berth::cli
