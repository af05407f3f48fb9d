// Artifact: the bytes of a component from a file, named by their digest.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace berth::host {

// What a file held when it was read. Plain value.
struct Artifact {
  std::string source;  // for a person: the path as given
  std::string digest;  // "sha256:..." of the file's bytes, also where a module is adapted later
  std::vector<std::uint8_t> bytes;
};

// "sha256:" and 64 hexadecimal digits.
[[nodiscard]] std::string digest_of(std::span<const std::uint8_t> bytes);

// Reads the whole file; the digest is of exactly the bytes returned, whatever happens to the file
// meanwhile. Blocks.
//  kNotFound, kPermissionDenied, kInvalidArgument (a folder, a device), kResourceExhausted (over
//  kMaxComponentBytes; no more than that is read), kUnavailable (a read failed).
[[nodiscard]] Result<Artifact> read_artifact(const std::filesystem::path& path);

}  // namespace berth::host
