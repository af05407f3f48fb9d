// Credentials: who we are at a registry: given, or from docker's config.json and its helpers.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "artifact/oci/limits.h"
#include "base/error.h"
#include "base/secret.h"

namespace berth::artifact::oci {

// A name with its password, or a token that stands for both. Plain value.
struct Credential {
  std::string user;
  Secret password;
  Secret identity_token;  // set: exchanged for access tokens, and user and password are empty
};

// What a docker config.json says about logins. It is read once; helpers are asked each time.
// Immutable, Thread-safe.
class DockerConfig final {
 public:
  // Blocks. No such file is an empty configuration. kInvalidArgument: it is none; kPermissionDenied,
  // kResourceExhausted, kUnavailable: it cannot be read.
  [[nodiscard]] static Result<DockerConfig> load(const std::filesystem::path& file);
  // Of the file's text. `file` is for messages.
  [[nodiscard]] static Result<DockerConfig> parse(std::string_view text, std::string file);

  // For a repository of a registry ("host", "host:5000"): the longest entry that fits, then the registry's
  // own helper, then the helper for all. Nothing: anonymous. Blocks for at most kHelperTime.
  // kUnavailable, kDeadlineExceeded, kInvalidArgument: the helper failed, its message is in the error.
  [[nodiscard]] Result<std::optional<Credential>> find(std::string_view registry, std::string_view repository,
                                                       const std::stop_token& stop) const;

 private:
  std::string file_;
  std::map<std::string, Credential, std::less<>> logins_;  // by "host" or "host/repository"
  std::map<std::string, std::string, std::less<>> helpers_;
  std::string helper_for_all_;
};

// "$DOCKER_CONFIG/config.json", else "$HOME/.docker/config.json"; empty without either.
[[nodiscard]] std::filesystem::path docker_config_file();

// Runs the program docker-credential-NAME and asks it about `server`; it is ended after `time`. Nothing: it
// knows none. As DockerConfig::find.
[[nodiscard]] Result<std::optional<Credential>> ask_helper(std::string_view name, std::string_view server,
                                                           const std::stop_token& stop,
                                                           std::chrono::milliseconds time = kHelperTime);

}  // namespace berth::artifact::oci
