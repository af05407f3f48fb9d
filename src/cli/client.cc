// Talking to a running host.
#include "cli/client.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <utility>

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

CLI::App* add_workload_command(CLI::App& app, int& exit_code, WorkloadCommand command) {
  struct Options {
    std::string workload;
    std::string socket;
    bool json = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* added = app.add_subcommand(command.name, command.help);
  added->add_option("WORKLOAD", options->workload, "Its name in the manifest")->required();
  add_socket_option(*added, options->socket);
  added->add_flag("--json", options->json, "Print the answer as JSON");
  added->footer(command.footer);
  const auto run = [options, command = std::move(command)]() -> Result<int> {
    ControlClient host = BERTH_TRY(connect_host(options->socket));
    Json params = command.params();
    params["workload"] = options->workload;
    const Json answer = BERTH_TRY(host.call(command.method(), std::move(params)));
    print_text(options->json ? answer.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"
                             : command.text(options->workload, answer));
    return kOk;
  };
  added->callback([&exit_code, run] { exit_code = client_exit_code(run); });
  return added;
}

}  // namespace berth::cli
