// PendingEntry: a file that gets its name only when it is whole and on disk.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "artifact/store/folder.h"
#include "base/error.h"

namespace berth::artifact {

// A temporary file in the store's own file system, locked while its writer lives. One thread at a time.
class PendingEntry final {
 public:
  [[nodiscard]] static Result<std::unique_ptr<PendingEntry>> create(std::shared_ptr<StoreFolder> folder);
  [[nodiscard]] static Result<std::unique_ptr<PendingEntry>> create(std::shared_ptr<StoreFolder> folder,
                                                                    const StoreLock& lock);
  PendingEntry(const PendingEntry&) = delete;
  PendingEntry& operator=(const PendingEntry&) = delete;
  // Removes the file where it was not published.
  ~PendingEntry();

  [[nodiscard]] const std::shared_ptr<StoreFolder>& folder() const { return folder_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }
  // kResourceExhausted: over kMaxEntryBytes, or the disk is full.
  [[nodiscard]] Result<> write(std::span<const std::uint8_t> bytes);
  // The content is durable from now on. Before publish().
  [[nodiscard]] Result<> sync();
  // Gives it its name, over what has it. Once; durable when `to` is synced.
  [[nodiscard]] Result<> publish(const StoreLock& lock, const File& to, const std::string& name);

 private:
  PendingEntry(std::shared_ptr<StoreFolder> folder, std::string name)
      : folder_(std::move(folder)), name_(std::move(name)) {}
  std::shared_ptr<StoreFolder> folder_;
  std::string name_;  // empty once published, or when it was never made
  File file_;
  std::uint64_t size_ = 0;
};

}  // namespace berth::artifact
