// PendingEntry: writing, and the order in which it becomes durable.
#include "artifact/store/pending_entry.h"

#include <fmt/format.h>

#include <array>

#include "artifact/store/limits.h"

namespace berth::artifact {

Result<std::unique_ptr<PendingEntry>> PendingEntry::create(std::shared_ptr<StoreFolder> folder) {
  const StoreLock lock = BERTH_TRY(folder->lock());
  return create(std::move(folder), lock);
}

Result<std::unique_ptr<PendingEntry>> PendingEntry::create(std::shared_ptr<StoreFolder> folder,
                                                           const StoreLock&) {
  // Random, because processes that share a folder need not share a space of process ids.
  std::array<std::uint8_t, 16> random{};
  BERTH_TRY(fill_random(random));
  std::string name = fmt::format("{:02x}", fmt::join(random, ""));
  FileSystem& files = folder->files();
  File file = BERTH_TRY(files.open(folder->temporary(), name, OpenMode::kCreate));
  std::unique_ptr<PendingEntry> entry(new PendingEntry(std::move(folder), std::move(name)));
  entry->file_ = std::move(file);
  if (!BERTH_TRY(files.try_lock(entry->file_))) {
    return fail(Code::kInternal, "a new file is locked: " + entry->file_.path().string());
  }
  return entry;
}

PendingEntry::~PendingEntry() {
  if (name_.empty()) return;
  if (auto removed = folder_->files().remove(folder_->temporary(), name_); !removed) {
    folder_->notice(removed.error());  // the next opening of the store removes it
  }
}

Result<> PendingEntry::write(std::span<const std::uint8_t> bytes) {
  if (bytes.size() > kMaxEntryBytes - size_) {
    return fail(Code::kResourceExhausted,
                fmt::format("it has more than {} MiB, the largest that a store takes", kMaxEntryBytes >> 20));
  }
  size_ += bytes.size();
  while (!bytes.empty()) bytes = bytes.subspan(BERTH_TRY(folder_->files().write(file_, bytes)));
  return {};
}

Result<> PendingEntry::sync() { return folder_->files().sync(file_); }

Result<> PendingEntry::publish(const StoreLock&, const File& to, const std::string& name) {
  BERTH_TRY(folder_->files().rename(folder_->temporary(), name_, to, name));
  name_.clear();
  return {};
}

}  // namespace berth::artifact
