// Gathering: one period: run the gatherers, write the archive.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "applications/gather/native/obfuscator.h"
#include "applications/gather/native/run.h"
#include "base/error.h"
#include "base/executor.h"

namespace berth::gather {

// Where the metadata stands in an archive.
inline constexpr std::string_view kMetadataPath = "insights-operator/gathers.json";

// A record that the agent itself writes. Plain value.
struct OwnRecord {
  std::string path;
  std::string content;
};

// What a period needs. References outlive it.
struct GatheringRequest {
  const std::vector<Source>& sources;
  std::vector<Asked> asked;
  std::vector<OwnRecord> own;  // always stored
  RunLimits limits;
  std::uint64_t archive_bytes = 0;
  // The archive's name, which then replaces what has it, or the folder in which it gets one of its own.
  std::filesystem::path to;
  enum class To : std::uint8_t { kFolder, kFile } kind = To::kFolder;
  std::chrono::steady_clock::time_point program_began;
  Obfuscator* obfuscator = nullptr;  // null: nothing more is hidden than always is
  Executor& executor;
  std::function<void(const Progress&)> progress;
};

// What became of it. Plain value.
struct Gathered {
  std::filesystem::path archive;
  std::uint64_t archive_bytes = 0;
  std::uint64_t records = 0;
  std::uint64_t record_bytes = 0;
  std::chrono::milliseconds duration{0};
  std::vector<Report> reports;
  // Of gatherers with an error or a panic.
  [[nodiscard]] std::size_t failed() const;
};

// Blocks. Gatherers that fail are in the reports; an error is one of the disk, and leaves no archive.
// kCancelled: `stop` came before the archive was there.
[[nodiscard]] Result<Gathered> gather_once(const GatheringRequest& request, const std::stop_token& stop);

// "insights-2026-01-31-100000.tar.gz", in UTC.
[[nodiscard]] std::string archive_name(Time time);
// The time that such a name says; nothing for any other.
[[nodiscard]] std::optional<Time> time_of_archive(std::string_view name);

// The metadata as JSON.
[[nodiscard]] std::string metadata(const std::vector<Report>& reports, std::chrono::duration<double> uptime,
                                   bool obfuscated);

}  // namespace berth::gather
