// Credentials: environment variables and small files.
#include "artifact/credentials.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "artifact/file_source.h"
#include "artifact/limits.h"

namespace berth::artifact {
namespace {

Result<std::string> read_text(const std::filesystem::path& file, std::uint64_t max_bytes) {
  const Artifact content = BERTH_TRY(read_artifact(file, max_bytes));
  return std::string(content.bytes.begin(), content.bytes.end());
}

std::string base64(std::string_view text) {
  std::string out(4 * ((text.size() + 2) / 3) + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

}  // namespace

Result<Secret> read_secret(const SecretPlace& place) {
  std::string text;
  std::string where;
  if (!place.file.empty()) {
    where = "the file " + place.file.string();
    text = BERTH_TRY(read_text(place.file, kMaxSecretBytes));
    if (text.ends_with('\n')) text.pop_back();
    if (text.ends_with('\r')) text.pop_back();
  } else {
    where = "the environment variable " + place.environment;
    const char* value = std::getenv(place.environment.c_str());
    if (value == nullptr)
      return fail(Code::kFailedPrecondition, where + ", which should hold a secret, is not set");
    text = value;
    if (text.size() > kMaxSecretBytes) {
      return fail(Code::kResourceExhausted, fmt::format("{} has more than {} bytes", where, kMaxSecretBytes));
    }
  }
  Secret secret(std::move(text));
  if (secret.empty())
    return fail(Code::kFailedPrecondition, where + ", which should hold a secret, is empty");
  const bool control =
      std::ranges::any_of(secret.reveal(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (control) {
    return fail(
        Code::kFailedPrecondition,
        where + " has a control character in its secret, or more than one line; leave only the secret in it");
  }
  return secret;
}

Result<Secret> HttpCredentials::read() const {
  if (bearer && password)
    return fail(Code::kInvalidArgument, "both a bearer token and a password are given; keep one");
  if (bearer) return Secret("Bearer " + BERTH_TRY(read_secret(*bearer)).reveal());
  if (!password) return Secret();
  if (user.find(':') != std::string::npos) {
    return fail(Code::kInvalidArgument, "the user name has a \":\", which Basic authentication cannot carry");
  }
  const Secret pair(user + ":" + BERTH_TRY(read_secret(*password)).reveal());
  return Secret("Basic " + base64(pair.reveal()));
}

Result<net::HttpTls> TlsFiles::read() const {
  net::HttpTls out;
  if (!extra_ca.empty()) out.extra_ca_pem = BERTH_TRY(read_text(extra_ca, net::kMaxPemBytes));
  if (!certificate.empty()) out.certificate_pem = BERTH_TRY(read_text(certificate, net::kMaxPemBytes));
  if (!key.empty()) out.key_pem = Secret(BERTH_TRY(read_text(key, kMaxSecretBytes)));
  return out;
}

}  // namespace berth::artifact
