// Spool: the records of one archive on disk while they are gathered, in no order.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "applications/gather/native/gatherer.h"
#include "base/error.h"
#include "base/file_system.h"

namespace berth::gather {

struct SpooledRecord {
  std::string path;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  Time captured;
};

// The file has no name, so it is gone when the process is. Thread-safe; methods block on the disk.
class Spool final {
 public:
  // In `folder`, with room for `max_bytes` of records.
  [[nodiscard]] static Result<std::unique_ptr<Spool>> create(const std::filesystem::path& folder,
                                                             std::uint64_t max_bytes);
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  enum class Added : std::uint8_t { kNew, kReplaced, kFull };
  // What is always stored may fill it to kAlwaysStoredFactor times its size. A path that is there gets the
  // new content. Errors: those of the disk; nothing is stored then.
  [[nodiscard]] Result<Added> add(std::string path, std::span<const std::uint8_t> bytes, Time captured,
                                  bool always_stored);

  // Bytes that are no record, whatever there is; where they lie.
  [[nodiscard]] Result<std::uint64_t> append(std::span<const std::uint8_t> bytes);

  // In no order. No add() may run beside it or later.
  [[nodiscard]] std::vector<SpooledRecord> records() const;
  [[nodiscard]] Result<> read(const SpooledRecord& record, std::string& into) const;
  // Of the records there are.
  [[nodiscard]] std::uint64_t bytes() const;
  [[nodiscard]] std::size_t count() const;

 private:
  Result<> write(std::span<const std::uint8_t> bytes, std::uint64_t offset);
  Spool(File file, std::uint64_t max_bytes) : file_(std::move(file)), max_bytes_(max_bytes) {}

  const File file_;
  const std::uint64_t max_bytes_;
  mutable std::mutex mutex_;
  std::uint64_t end_ = 0;    // of the file
  std::uint64_t bytes_ = 0;  // of records, those that are being written included
  std::map<std::string, SpooledRecord, std::less<>> records_;
};

}  // namespace berth::gather
