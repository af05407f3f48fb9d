// Spool: one file without a name, and where each record lies in it.
#include "applications/gather/native/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "applications/gather/native/leftovers.h"
#include "applications/gather/native/limits.h"

namespace berth::gather {

Result<std::unique_ptr<Spool>> Spool::create(const std::filesystem::path& folder, std::uint64_t max_bytes) {
  File file = BERTH_TRY(create_partial(folder));
  if (::unlink(file.path().c_str()) != 0)
    return fail(system_error(errno, "removing the name of", file.path()));
  return std::unique_ptr<Spool>(new Spool(std::move(file), max_bytes));
}

Result<> Spool::write(std::span<const std::uint8_t> bytes, std::uint64_t offset) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto n =
        ::pwrite(file_.fd(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      return fail(system_error(n == 0 ? ENOSPC : errno, "writing a record to the spool in",
                               file_.path().parent_path()));
    }
    done += static_cast<std::size_t>(n);
  }
  return {};
}

Result<std::uint64_t> Spool::append(std::span<const std::uint8_t> bytes) {
  std::uint64_t offset = 0;
  {
    const std::lock_guard lock(mutex_);
    offset = end_;
    end_ += bytes.size();
  }
  BERTH_TRY(write(bytes, offset));
  return offset;
}

Result<Spool::Added> Spool::add(std::string path, std::span<const std::uint8_t> bytes, Time captured,
                                bool always_stored) {
  std::uint64_t offset = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto there = records_.find(path);
    const std::uint64_t room = always_stored ? max_bytes_ * kAlwaysStoredFactor : max_bytes_;
    // The one that would be replaced counts: it stays when the disk is full.
    if (bytes_ + bytes.size() > room) return Added::kFull;
    if (there == records_.end() && records_.size() >= kMaxRecords) return Added::kFull;
    offset = end_;
    end_ += bytes.size();
    bytes_ += bytes.size();
  }
  if (auto written = write(bytes, offset); !written) {
    const std::lock_guard lock(mutex_);
    bytes_ -= bytes.size();
    if (end_ == offset + bytes.size()) end_ = offset;  // a smaller one may fit
    return fail(std::move(written).error());
  }
  const std::lock_guard lock(mutex_);
  SpooledRecord record{.path = path, .offset = offset, .size = bytes.size(), .captured = captured};
  const auto [at, added] = records_.try_emplace(std::move(path), record);
  if (added) return Added::kNew;
  bytes_ -= at->second.size;
  at->second = std::move(record);
  return Added::kReplaced;
}

std::vector<SpooledRecord> Spool::records() const {
  const std::lock_guard lock(mutex_);
  std::vector<SpooledRecord> out;
  out.reserve(records_.size());
  for (const auto& [path, record] : records_) out.push_back(record);
  return out;
}

Result<> Spool::read(const SpooledRecord& record, std::string& into) const {
  into.resize(record.size);
  std::size_t done = 0;
  while (done < into.size()) {
    const auto n =
        ::pread(file_.fd(), into.data() + done, into.size() - done, static_cast<off_t>(record.offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0)
      return fail(system_error(n == 0 ? EIO : errno, "reading the spool in", file_.path().parent_path()));
    done += static_cast<std::size_t>(n);
  }
  return {};
}

std::uint64_t Spool::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::size_t Spool::count() const {
  const std::lock_guard lock(mutex_);
  return records_.size();
}

}  // namespace berth::gather
