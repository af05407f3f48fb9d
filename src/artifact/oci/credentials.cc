// docker's config.json.
#include "artifact/oci/credentials.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <system_error>
#include <utility>
#include <vector>

#include "artifact/oci/json.h"
#include "artifact/oci/limits.h"

namespace berth::artifact::oci {
namespace {

// "https://host/v1/", as docker once wrote keys, means "host".
std::string_view host_of_key(std::string_view key) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (key.starts_with(scheme)) key.remove_prefix(scheme.size());
  }
  while (key.ends_with('/')) key.remove_suffix(1);
  for (const std::string_view version : {"/v1", "/v2"}) {
    if (key.ends_with(version)) key.remove_suffix(version.size());
  }
  return key;
}

// Base64 of "user:password".
std::optional<Credential> decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  // On the heap once, and wiped there.
  std::string bytes(text.size() / 4 * 3 + 1, '\0');
  int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  for (std::string_view rest = text; size > 0 && rest.ends_with('='); rest.remove_suffix(1)) --size;
  if (size < 0) return std::nullopt;
  // Some clients pad the text with zero bytes.
  while (size > 0 && bytes[static_cast<std::size_t>(size) - 1] == '\0') --size;
  bytes.resize(static_cast<std::size_t>(size));
  const std::size_t colon = bytes.find(':');
  std::optional<Credential> out;
  if (colon != std::string::npos && colon > 0) {
    out = Credential{.user = bytes.substr(0, colon), .password = Secret(bytes.substr(colon + 1))};
  }
  ::explicit_bzero(bytes.data(), bytes.size());
  return out;
}

// A repository's login may be kept under any of its folders.
std::vector<std::string> keys_for(std::string_view registry, std::string_view repository) {
  std::vector<std::string> out;
  for (std::string key = fmt::format("{}/{}", registry, repository); key.size() > registry.size();) {
    out.push_back(key);
    key.resize(key.rfind('/'));
  }
  out.emplace_back(registry);
  return out;
}

}  // namespace

Result<DockerConfig> DockerConfig::load(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) return DockerConfig();
    return fail(error == EACCES ? Code::kPermissionDenied : Code::kUnavailable,
                fmt::format("reading {}: {}", file.string(), std::generic_category().message(error)));
  }
  // One byte more than allowed shows a file that is too long.
  std::string text(kMaxDockerConfigBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return fail(Code::kUnavailable, fmt::format("reading {} failed", file.string()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  auto parsed = parse(text, file.string());
  ::explicit_bzero(text.data(), text.size());
  return parsed;
}

Result<DockerConfig> DockerConfig::parse(std::string_view text, std::string file) {
  const auto named = [&](Error error) { return fail(std::move(error).context(file)); };
  DockerConfig out;
  const auto json = parse_object(text, kMaxDockerConfigBytes, "the file");
  if (!json) return named(json.error());
  const auto auths = object_member(*json, "auths");
  const auto helpers = object_member(*json, "credHelpers");
  const auto store = text_member(*json, "credsStore");
  if (!auths) return named(auths.error());
  if (!helpers) return named(helpers.error());
  if (!store) return named(store.error());
  if (*auths != nullptr) {
    for (const auto& [key, entry] : (*auths)->items()) {
      if (!entry.is_object()) return named(Error(Code::kInvalidArgument, "auths: an entry is not an object"));
      auto auth = text_member(entry, "auth");
      auto token = text_member(entry, "identitytoken");
      if (!auth) return named(std::move(auth).error().context("auths." + key));
      if (!token) return named(std::move(token).error().context("auths." + key));
      std::optional<Credential> login;
      if (*token && !(*token)->empty()) {
        login.emplace().identity_token = Secret(**token);
      } else if (*auth && !(*auth)->empty()) {
        login = decode(**auth);
        if (!login) {
          return named(
              Error(Code::kInvalidArgument,
                    fmt::format("auths.{}.auth is not \"user:password\" in base64; log in again", key)));
        }
      }
      // An empty entry says that a helper knows.
      if (login) out.logins_.insert_or_assign(std::string(host_of_key(key)), std::move(*login));
    }
  }
  if (*helpers != nullptr) {
    for (const auto& [key, name] : (*helpers)->items()) {
      if (!name.is_string())
        return named(Error(Code::kInvalidArgument, "credHelpers: an entry is not a text"));
      out.helpers_.insert_or_assign(std::string(host_of_key(key)), name.get_ref<const std::string&>());
    }
  }
  out.helper_for_all_ = store->value_or("");
  out.file_ = std::move(file);
  return out;
}

Result<std::optional<Credential>> DockerConfig::find(std::string_view registry, std::string_view repository,
                                                     const std::stop_token& stop) const {
  const auto helper = helpers_.find(registry);
  const std::string& program = helper != helpers_.end() ? helper->second : helper_for_all_;
  // docker asks a registry's own helper before anything else.
  if (helper == helpers_.end()) {
    for (const std::string& key : keys_for(registry, repository)) {
      if (const auto found = logins_.find(key); found != logins_.end()) return found->second;
    }
  }
  if (program.empty()) return std::nullopt;
  auto answer = ask_helper(program, registry, stop);
  if (!answer) return fail(std::move(answer).error().context(file_));
  return answer;
}

std::filesystem::path docker_config_file() {
  if (const char* folder = std::getenv("DOCKER_CONFIG"); folder != nullptr && *folder != '\0') {
    return std::filesystem::path(folder) / "config.json";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    return std::filesystem::path(home) / ".docker" / "config.json";
  }
  return {};
}

}  // namespace berth::artifact::oci
