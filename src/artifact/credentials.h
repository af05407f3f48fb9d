// Credentials: where secrets and certificates are, read anew for each use so that rotation needs no restart.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/secret.h"
#include "net/http_client.h"

namespace berth::artifact {

// One secret, in an environment variable or a file: one of the two is empty. Plain value.
struct SecretPlace {
  std::string environment;     // a variable's name
  std::filesystem::path file;  // its content less one line break at the end
};

// Blocks for the file. kFailedPrecondition: the variable is not set, or the secret is empty or has a control
// character (a second line); kNotFound, kPermissionDenied, kUnavailable: the file; kResourceExhausted: over
// kMaxSecretBytes. Messages name the place.
[[nodiscard]] Result<Secret> read_secret(const SecretPlace& place);

// What a web server is shown. Neither: nothing. Plain value.
struct HttpCredentials {
  std::optional<SecretPlace> bearer;
  std::string user;
  std::optional<SecretPlace> password;  // of `user`, for Basic

  [[nodiscard]] bool empty() const { return !bearer && !password; }
  // The Authorization header's value. Blocks; fails as read_secret, and with kInvalidArgument for a ":" in
  // the user or both kinds at once.
  [[nodiscard]] Result<Secret> read() const;
};

// PEM files; an empty path is none. Plain value.
struct TlsFiles {
  std::filesystem::path extra_ca;
  std::filesystem::path certificate;
  std::filesystem::path key;

  // Blocks; fails as read_secret for a file.
  [[nodiscard]] Result<net::HttpTls> read() const;
};

}  // namespace berth::artifact
