// FileSource: a file of this machine, read so that its digest is of exactly the bytes that were read.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "artifact/artifact.h"
#include "artifact/limits.h"
#include "artifact/source.h"
#include "base/error.h"

namespace berth::artifact {

// A change within the same tick of the file system's clock leaves the same times; no clock's tick is longer.
inline constexpr std::chrono::seconds kTimesAreSure{2};

// Symbolic links are followed, as mounted configuration needs it; what they lead to must be a regular file. A
// file that is written while it is read is not taken (kAborted). A file with the identity (device, inode,
// size, times) of the known one is Unchanged without being read, once its times are too old to hide a second
// write in the same tick of the file system's clock. Immutable, Thread-safe.
class FileSource final : public Source {
 public:
  explicit FileSource(std::filesystem::path path, std::chrono::seconds sure_after = kTimesAreSure)
      : path_(std::move(path)), sure_after_(sure_after) {}

  [[nodiscard]] Result<FetchOutcome> fetch(const FetchRequest& request, ByteSink& sink,
                                           std::stop_token stop) override;
  [[nodiscard]] std::string shown() const override { return path_.string(); }

 private:
  std::filesystem::path path_;
  std::chrono::seconds sure_after_;
};

// The whole file in memory. Blocks. Fails as FileSource::fetch.
[[nodiscard]] Result<Artifact> read_artifact(const std::filesystem::path& path,
                                             std::uint64_t max_bytes = kMaxArtifactBytes);

}  // namespace berth::artifact
