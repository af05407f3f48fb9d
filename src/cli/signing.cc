// Passwords and targets of keygen, sign and verify.
#include "cli/signing.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <utility>
#include <variant>

#include "artifact/reference.h"
#include "artifact/signature/limits.h"
#include "artifact/signature/small_file.h"

namespace berth::cli {
namespace {

namespace signature = artifact::signature;

Result<Secret> read_password(const std::string& file) {
  Secret text(BERTH_TRY(signature::read_whole(file, signature::kMaxPasswordBytes)));
  std::string_view line = text.reveal();
  line = line.substr(0, line.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return Secret(std::string(line));
}

Result<Secret> ask_for_password(Ask ask) {
  std::array<char, 1024> text{};
  const int code = EVP_read_pw_string_min(text.data(), 0, text.size() - 1,
                                          "Password of the private key: ", ask == Ask::kTwice);
  Secret password{std::string(text.data())};
  OPENSSL_cleanse(text.data(), text.size());
  if (code != 0) return fail(Code::kInvalidArgument, "no password was given, or not the same one twice");
  return password;
}

}  // namespace

signature::PasswordSource password_source(std::string file, Ask ask) {
  return [file = std::move(file), ask]() -> Result<Secret> {
    if (!file.empty()) return read_password(file);
    if (const char* text = std::getenv("COSIGN_PASSWORD")) return Secret(text);
    if (::isatty(STDIN_FILENO) == 1) return ask_for_password(ask);
    return fail(Code::kInvalidArgument,
                "the private key has a password; set COSIGN_PASSWORD or give --password-file");
  };
}

bool is_in_registry(const std::string& target) { return target.starts_with("oci://"); }

Result<std::string> file_of(const std::string& target) {
  std::error_code error;
  if (std::filesystem::exists(target, error)) return target;
  auto reference = artifact::parse_reference(target);
  if (!reference) return target;  // a path; that it is not there is said when it is read
  if (const auto* file = std::get_if<artifact::FileReference>(&*reference)) return file->path.string();
  return fail(Code::kInvalidArgument,
              artifact::shown(*reference) + ": only files and oci:// references are signed; fetch it first");
}

}  // namespace berth::cli
