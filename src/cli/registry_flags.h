// How a registry is reached, as options of the commands that talk to one.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "artifact/oci/registry.h"
#include "artifact/oci/repository.h"
#include "artifact/reference.h"
#include "base/error.h"
#include "net/io_context.h"

namespace CLI {
class App;
}

namespace berth::cli {

// As given on the command line. Plain value.
struct RegistryFlags {
  bool plain_http = false;
  std::string ca;
  std::string cert;
  std::string key;
  std::string user;
  bool password_stdin = false;
  std::string docker_config;  // empty: docker's own place
  std::vector<std::string> token_hosts;
  std::vector<std::string> addresses;
  bool proxy = false;
};

// Adds --plain-http, --ca, ... ; with a prefix, "from-", --from-plain-http, ... `flags` outlives the parsing.
void add_registry_flags(CLI::App& command, RegistryFlags& flags, const std::string& prefix = "");
// The last lines of the help of each such command.
inline constexpr std::string_view kRegistryHelp =
    "A registry on this machine is reached without TLS unless --ca or --cert is given, any other with TLS.\n"
    "Logins are taken from --user, else from docker's config.json and its credential helpers.";

// A registry that a command talks to. One thread at a time.
class OpenRegistry final {
 public:
  // Reads files, and a password from standard input. Blocks.
  [[nodiscard]] static Result<OpenRegistry> open(net::IoContext& io, const artifact::OciReference& reference,
                                                 const RegistryFlags& flags);
  [[nodiscard]] artifact::oci::Repository repository(const artifact::OciReference& reference) const {
    return {*registry_, reference.repository};
  }

 private:
  explicit OpenRegistry(std::unique_ptr<artifact::oci::Registry> registry) : registry_(std::move(registry)) {}
  std::unique_ptr<artifact::oci::Registry> registry_;
};

// Runs `command(io, stop)` with threads for I/O; Ctrl-C and SIGTERM request the stop. Prints an error and
// gives the exit code.
[[nodiscard]] int run_with_registry(
    const std::function<Result<int>(net::IoContext& io, const std::stop_token& stop)>& command);

}  // namespace berth::cli
