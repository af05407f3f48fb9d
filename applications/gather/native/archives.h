// Archives: those in a folder, and which of them are too old or too many.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "applications/gather/native/gatherer.h"
#include "base/error.h"

namespace berth::gather {

struct ArchiveFile {
  std::filesystem::path path;
  Time time;  // as its name says
  std::uint64_t bytes = 0;
};

// Makes the folder, with mode 0700 where it is new. Blocks.
[[nodiscard]] Result<> make_archive_folder(const std::filesystem::path& folder);

// Oldest first. Files with other names are nobody's business. Blocks.
[[nodiscard]] Result<std::vector<ArchiveFile>> list_archives(const std::filesystem::path& folder);

// Removes what is older than `keep`, and then the oldest until the rest has at most `max_bytes`; the newest
// stays, however large. How many were removed; what cannot be removed is an error. Blocks.
[[nodiscard]] Result<std::size_t> prune(const std::filesystem::path& folder, Time now,
                                        std::chrono::milliseconds keep, std::uint64_t max_bytes);

}  // namespace berth::gather
