// Archive report: what an archive from anywhere holds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "applications/gather/native/recorder.h"
#include "base/error.h"

namespace berth::gather {

// Plain value.
struct ArchiveReport {
  struct Group {
    std::string folder;  // the first two parts of the paths
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
  };
  std::uint64_t file_bytes = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::vector<Group> groups;  // the largest first
  std::string largest;        // a path
  std::uint64_t largest_bytes = 0;
  std::optional<Time> first, last;  // when records were captured
  std::vector<Report> gatherers;    // as the archive's metadata has them; bytes are not in it
  std::uint64_t memory_bytes = 0;
  double uptime_seconds = 0;
  bool obfuscated = false;
  // What is odd: no metadata, the same path twice, more or fewer records than gatherers counted.
  std::vector<std::string> remarks;
};

// Unpacks nothing to the disk. kNotFound, kInvalidArgument: no .tar.gz, cut off, more than it may hold
// (kMaxReportedBytes, kMaxRecords), entries that are no files or whose paths lead elsewhere, metadata that is
// not what an archive has; the message says where. Blocks.
[[nodiscard]] Result<ArchiveReport> report_archive(const std::filesystem::path& file);

}  // namespace berth::gather
