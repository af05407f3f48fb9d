// What keygen, sign and verify share: where a password comes from, and what their target is.
#pragma once

#include <string>

#include "artifact/signature/key.h"
#include "base/error.h"

namespace berth::cli {

enum class Ask : std::uint8_t { kOnce, kTwice };
// The password of a private key: the file's first line (if a file is given), else $COSIGN_PASSWORD, which may
// be empty, else what a person types at the terminal. kInvalidArgument where there is none of them.
[[nodiscard]] artifact::signature::PasswordSource password_source(std::string file, Ask ask);
inline constexpr const char* kPasswordFlag = "--password-file";
inline constexpr const char* kPasswordFlagHelp =
    "File whose first line is the password of the private key; else $COSIGN_PASSWORD, else it is asked for";

// True for "oci://...": a manifest in a registry; otherwise it is a file.
[[nodiscard]] bool is_in_registry(const std::string& target);
// The path of a target that is a file, which may begin with "file:". kInvalidArgument for other schemes.
[[nodiscard]] Result<std::string> file_of(const std::string& target);

}  // namespace berth::cli
