// Options of a registry, and what is read for them.
#include "cli/registry_flags.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <system_error>
#include <utility>

#include "cli/exit_code.h"
#include "cli/limits.h"
#include "cli/output.h"
#include "cli/stop_signal.h"

namespace berth::cli {
namespace {

namespace oci = artifact::oci;

Result<std::string> read_pem(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    return fail(errno == EACCES ? Code::kPermissionDenied : Code::kNotFound,
                fmt::format("reading {}: {}", file, std::generic_category().message(errno)));
  }
  std::string text(kMaxPemBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (in.bad() || text.empty())
    return fail(Code::kInvalidArgument, fmt::format("reading {}: it is empty or no file", file));
  if (text.size() > kMaxPemBytes) {
    return fail(Code::kResourceExhausted,
                fmt::format("reading {}: it has more than {} KiB", file, kMaxPemBytes >> 10));
  }
  return text;
}

Result<net::HttpTls> read_tls(const RegistryFlags& flags) {
  if (flags.cert.empty() != flags.key.empty()) {
    return fail(Code::kInvalidArgument, "--cert and --key go together: the certificate and its private key");
  }
  net::HttpTls out;
  if (!flags.ca.empty()) out.extra_ca_pem = BERTH_TRY(read_pem(flags.ca));
  if (!flags.cert.empty()) {
    out.certificate_pem = BERTH_TRY(read_pem(flags.cert));
    out.key_pem = Secret(BERTH_TRY(read_pem(flags.key)));
  }
  return out;
}

// One line: with a second registry, the next line is its password.
Result<Secret> read_password() {
  std::string line;
  if (!std::getline(std::cin, line))
    return fail(Code::kInvalidArgument, "--password-stdin: standard input is empty");
  if (line.ends_with('\r')) line.pop_back();
  return Secret(std::move(line));
}

Result<std::optional<oci::Credential>> read_login(const RegistryFlags& flags) {
  if (flags.user.empty() && !flags.password_stdin) return std::nullopt;
  if (flags.user.empty() || !flags.password_stdin) {
    return fail(
        Code::kInvalidArgument,
        "--user and --password-stdin go together; a password on the command line would be seen by others");
  }
  if (flags.user.contains(':')) return fail(Code::kInvalidArgument, "--user: a name has no colon");
  return oci::Credential{.user = flags.user, .password = BERTH_TRY(read_password())};
}

}  // namespace

void add_registry_flags(CLI::App& command, RegistryFlags& flags, const std::string& prefix) {
  const auto name = [&](const char* flag) { return "--" + prefix + flag; };
  const std::string whose = prefix.empty() ? "" : " (" + prefix.substr(0, prefix.size() - 1) + ")";
  const std::string group = "Registry" + whose;
  const auto add = [&](CLI::Option* option) { option->group(group); };
  add(command.add_flag(name("plain-http"), flags.plain_http, "Without TLS, also to other machines"));
  add(command.add_option(name("ca"), flags.ca, "PEM file of certificates to trust besides the system's"));
  add(command.add_option(name("cert"), flags.cert, "PEM file of the client's certificate"));
  add(command.add_option(name("key"), flags.key, "PEM file of its private key"));
  add(command.add_option(name("user"), flags.user, "Name to log in with"));
  add(command.add_flag(name("password-stdin"), flags.password_stdin,
                       "Read the password from standard input, one line"));
  add(command.add_option(name("docker-config"), flags.docker_config,
                         "Another config.json with logins than docker's"));
  add(command
          .add_option(name("token-host"), flags.token_hosts,
                      "A host besides the registry's that may be sent the login for a token; can be repeated")
          ->allow_extra_args(false));
  add(command
          .add_option(name("allow-address"), flags.addresses,
                      "An address or range, as 10.1.0.0/16 or 10.1.2.3:443, where the registry may send us "
                      "although it is not public; can be repeated")
          ->allow_extra_args(false));
  add(command.add_flag(name("proxy"), flags.proxy, "Through the proxies that the environment names"));
}

Result<OpenRegistry> OpenRegistry::open(net::IoContext& io, const artifact::OciReference& reference,
                                        const RegistryFlags& flags) {
  oci::RegistryOptions options{.tls = BERTH_TRY(read_tls(flags)),
                               .login = BERTH_TRY(read_login(flags)),
                               .token_hosts = flags.token_hosts,
                               .addresses = flags.addresses};
  if (flags.plain_http) options.transport = oci::Transport::kPlain;
  if (flags.proxy) options.proxy = BERTH_TRY(net::HttpProxy::from_environment());
  if (!options.login) {
    const std::filesystem::path file =
        flags.docker_config.empty() ? oci::docker_config_file() : std::filesystem::path(flags.docker_config);
    if (!file.empty()) {
      options.logins = std::make_shared<const oci::DockerConfig>(BERTH_TRY(oci::DockerConfig::load(file)));
    }
  }
  return OpenRegistry(BERTH_TRY(oci::Registry::create(io, reference, std::move(options))));
}

int run_with_registry(
    const std::function<Result<int>(net::IoContext& io, const std::stop_token& stop)>& command) {
  std::stop_source stop;
  const StopSignal signal([&](int) { stop.request_stop(); });
  const auto run = [&]() -> Result<int> {
    const auto io = BERTH_TRY(net::IoContext::create(1));
    return command(*io, stop.get_token());
  };
  const Result<int> code = run();
  if (code) return *code;
  if (code.error().code() == Code::kCancelled && stop.stop_requested()) return kInterrupted;
  print_error(code.error());
  return exit_code(code.error().code());
}

}  // namespace berth::cli
