// FileSystem: what berth's lasting data goes through, so that a test can make each step of it fail.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace berth {

// An open file or folder, closed at the end. The one that was never opened stands for the working folder.
// One thread at a time, except that reads and locks of one file may overlap.
class File final {
 public:
  File() = default;
  File(int fd, std::filesystem::path path) : fd_(fd), path_(std::move(path)) {}
  File(File&& other) noexcept
      : fd_(std::exchange(other.fd_, kWorkingFolder)), path_(std::move(other.path_)) {}
  File& operator=(File&& other) noexcept {
    std::swap(fd_, other.fd_);
    path_.swap(other.path_);
    return *this;
  }
  ~File();

  [[nodiscard]] int fd() const { return fd_; }
  // As it was opened, for messages: somebody may have renamed it since.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  static constexpr int kWorkingFolder = -100;  // AT_FDCWD
  int fd_ = kWorkingFolder;
  std::filesystem::path path_;
};

// Plain value.
struct FileInfo {
  enum class Kind : std::uint8_t { kFile, kFolder, kOther };
  Kind kind = Kind::kOther;
  std::uint64_t size = 0;
  std::uint32_t owner = 0;        // user id
  std::uint32_t permissions = 0;  // the nine bits of rwx
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::chrono::system_clock::time_point used;  // last access, or touch()
};

enum class OpenMode : std::uint8_t {
  kRead,    // an existing file
  kCreate,  // a new one, for writing; only the user may read it
  kLock,    // for reading and writing; made where it is missing
  kFolder,  // for use as the first argument of the others
};

enum class ByteLock : std::uint8_t { kNone, kShared, kExclusive };

// The few operations that lasting data needs. Names are relative to an open folder: whoever renames a folder
// above it moves nothing under our feet. A symbolic link is not followed where a file is expected.
//
// Failures: kNotFound, kAlreadyExists, kPermissionDenied, kResourceExhausted (disk, quota, file size, open
// files), kUnavailable for the rest; the message names the operation and the path. Interrupted calls are
// repeated. Thread-safe. Everything may block on the disk.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  [[nodiscard]] virtual Result<File> open(const File& folder, const std::string& name, OpenMode mode) = 0;
  // At most `into.size()` bytes from `offset`; 0 only at the end of the file.
  [[nodiscard]] virtual Result<std::size_t> read(const File& file, std::span<std::uint8_t> into,
                                                 std::uint64_t offset) = 0;
  // Appends some of `bytes`, at least one.
  [[nodiscard]] virtual Result<std::size_t> write(const File& file, std::span<const std::uint8_t> bytes) = 0;
  // The content of a file, or the names in a folder, survive a loss of power from now on.
  [[nodiscard]] virtual Result<> sync(const File& file) = 0;
  // In one step, over what has the new name.
  [[nodiscard]] virtual Result<> rename(const File& from, const std::string& name, const File& to,
                                        const std::string& new_name) = 0;
  [[nodiscard]] virtual Result<> remove(const File& folder, const std::string& name) = 0;
  // Only its owner may use it (0700).
  [[nodiscard]] virtual Result<> make_folder(const File& folder, const std::string& name) = 0;
  [[nodiscard]] virtual Result<FileInfo> info(const File& file) = 0;
  [[nodiscard]] virtual Result<FileInfo> info(const File& folder, const std::string& name) = 0;
  // Names, without "." and "..", in no order.
  [[nodiscard]] virtual Result<std::vector<std::string>> list(const File& folder) = 0;
  // Sets FileInfo::used to now.
  [[nodiscard]] virtual Result<> touch(const File& file) = 0;
  // Takes the file for itself alone until it is closed or the process ends, or is false at once when
  // somebody else has it. Two openings of one file in one process exclude each other too.
  [[nodiscard]] virtual Result<bool> try_lock(const File& file) = 0;
  // The same for one byte, which need not exist; kShared excludes only kExclusive. Replaces this opening's
  // own lock of that byte.
  [[nodiscard]] virtual Result<bool> try_lock(const File& file, std::uint64_t byte, ByteLock lock) = 0;
};

// The real one. Immutable, Thread-safe.
class SystemFiles final : public FileSystem {
 public:
  [[nodiscard]] Result<File> open(const File& folder, const std::string& name, OpenMode mode) override;
  [[nodiscard]] Result<std::size_t> read(const File& file, std::span<std::uint8_t> into,
                                         std::uint64_t offset) override;
  [[nodiscard]] Result<std::size_t> write(const File& file, std::span<const std::uint8_t> bytes) override;
  [[nodiscard]] Result<> sync(const File& file) override;
  [[nodiscard]] Result<> rename(const File& from, const std::string& name, const File& to,
                                const std::string& new_name) override;
  [[nodiscard]] Result<> remove(const File& folder, const std::string& name) override;
  [[nodiscard]] Result<> make_folder(const File& folder, const std::string& name) override;
  [[nodiscard]] Result<FileInfo> info(const File& file) override;
  [[nodiscard]] Result<FileInfo> info(const File& folder, const std::string& name) override;
  [[nodiscard]] Result<std::vector<std::string>> list(const File& folder) override;
  [[nodiscard]] Result<> touch(const File& file) override;
  [[nodiscard]] Result<bool> try_lock(const File& file) override;
  [[nodiscard]] Result<bool> try_lock(const File& file, std::uint64_t byte, ByteLock lock) override;
};

// The error of a system call that failed with `error` (errno): "doing path: No space left on device".
[[nodiscard]] Error system_error(int error, std::string_view doing, const std::filesystem::path& path);

}  // namespace berth
