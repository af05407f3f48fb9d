// Detached signatures: those of a plain file, in a file beside it, as `cosign sign-blob` writes one.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "artifact/signature/policy.h"
#include "base/error.h"

namespace berth::artifact::signature {

// "store.wasm" and "https://host/store.wasm" have theirs in "store.wasm.sig" and
// "https://host/store.wasm.sig".
inline constexpr std::string_view kDetachedSuffix = ".sig";

// A line of base64 for each signature. cosign writes and reads one, without a newline. `origin` is the
// file's name; a line that holds no signature has its problem set.
// kResourceExhausted: more than kMaxSignatures, or longer than they can be.
[[nodiscard]] Result<std::vector<Signature>> parse_detached(std::string_view text, const std::string& origin);

// What lies beside a file, or in the file that is named. No such file is no signature. Blocks. Errors as
// read_whole and parse_detached.
[[nodiscard]] Result<std::vector<Signature>> read_detached(const std::filesystem::path& path);

// One signature without a newline, so that cosign reads it; further ones on lines of their own.
[[nodiscard]] std::string to_detached(const std::vector<Bytes>& signatures);

// The most that parse_detached takes.
[[nodiscard]] std::size_t max_detached_bytes();

}  // namespace berth::artifact::signature
