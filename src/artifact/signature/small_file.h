// Files of keys, passwords and signatures: read whole, written whole.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

namespace berth::artifact::signature {

// May be a pipe, as in --key <(vault read …). Blocks.
//  kNotFound, kPermissionDenied, kResourceExhausted (more than `max_bytes`; no more is read),
//  kInvalidArgument (a folder), kUnavailable.
[[nodiscard]] Result<std::string> read_whole(const std::filesystem::path& path, std::size_t max_bytes);

// A new file with exactly this mode. Nothing is left of it on failure. kAlreadyExists, kNotFound (no folder),
// kPermissionDenied, kUnavailable.
[[nodiscard]] Result<> create_whole(const std::filesystem::path& path, std::string_view text, mode_t mode);

// kAlreadyExists, as create_whole would say it now, where there is anything of this name.
[[nodiscard]] Result<> expect_none(const std::filesystem::path& path);

// Replaces a file, or makes it, so that whoever watches it sees the old content or the new. Errors as
// create_whole.
[[nodiscard]] Result<> replace_whole(const std::filesystem::path& path, std::string_view text);

}  // namespace berth::artifact::signature
