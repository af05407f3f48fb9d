// For tests: file systems that fail, kill or lose power at the Nth step.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"

namespace berth {

// Passes everything on to another one, and counts; does something else at one step when it is armed.
// Thread-safe.
class FailingFiles final : public FileSystem {
 public:
  enum class How : std::uint8_t {
    kFail,          // that step fails (a write after half of its bytes), the next ones work
    kFailFromThen,  // all later ones fail too: the machine stopped
    kKill,          // the process ends there, as by SIGKILL (a write after half of its bytes)
  };

  explicit FailingFiles(FileSystem& files) : files_(files) {}

  // `nth` counts from 1. `error`: errno.
  void arm(std::uint64_t nth, How how, int error);
  // False when the armed step was not reached. Forgets it.
  bool disarm();
  // No read or write passes more than this from now on.
  void set_max_transfer(std::size_t bytes) { max_transfer_ = bytes; }
  // What the failed steps were, by operation, since construction.
  [[nodiscard]] const std::map<std::string, int>& failed() const { return failed_; }

  Result<File> open(const File& folder, const std::string& name, OpenMode mode) override;
  Result<std::size_t> read(const File& file, std::span<std::uint8_t> into, std::uint64_t offset) override;
  Result<std::size_t> write(const File& file, std::span<const std::uint8_t> bytes) override;
  Result<> sync(const File& file) override;
  Result<> rename(const File& from, const std::string& name, const File& to,
                  const std::string& new_name) override;
  Result<> remove(const File& folder, const std::string& name) override;
  Result<> make_folder(const File& folder, const std::string& name) override;
  Result<FileInfo> info(const File& file) override;
  Result<FileInfo> info(const File& folder, const std::string& name) override;
  Result<std::vector<std::string>> list(const File& folder) override;
  Result<> touch(const File& file) override;
  Result<bool> try_lock(const File& file) override;
  Result<bool> try_lock(const File& file, std::uint64_t byte, ByteLock lock) override;

 private:
  // An error when this is the step; `before_end` is done first.
  Result<> step(
      std::string_view operation, const std::filesystem::path& path,
      const std::function<void()>& before_end = [] {});

  FileSystem& files_;
  std::size_t max_transfer_ = SIZE_MAX;
  std::mutex mutex_;
  std::uint64_t left_ = 0;  // steps until the armed one; 0: not armed, or behind it
  bool reached_ = false;
  How how_ = How::kFail;
  int error_ = 0;
  std::map<std::string, int> failed_;
};

// The real file system, of which cut() takes back everything that was not made durable: bytes of a file that
// was not synced, names in a folder that was not. One thread at a time.
class PowerCutFiles final : public FileSystem {
 public:
  // `stash`: a folder of the same file system, for what may have to come back.
  explicit PowerCutFiles(std::filesystem::path stash) : stash_(std::move(stash)) {}

  // The state of `folder` after a loss of power now. Files that are open should be closed before.
  void cut(const std::filesystem::path& folder);

  Result<File> open(const File& folder, const std::string& name, OpenMode mode) override;
  Result<std::size_t> read(const File& file, std::span<std::uint8_t> into, std::uint64_t offset) override {
    return files_.read(file, into, offset);
  }
  Result<std::size_t> write(const File& file, std::span<const std::uint8_t> bytes) override;
  Result<> sync(const File& file) override;
  Result<> rename(const File& from, const std::string& name, const File& to,
                  const std::string& new_name) override;
  Result<> remove(const File& folder, const std::string& name) override;
  Result<> make_folder(const File& folder, const std::string& name) override;
  Result<FileInfo> info(const File& file) override { return files_.info(file); }
  Result<FileInfo> info(const File& folder, const std::string& name) override {
    return files_.info(folder, name);
  }
  Result<std::vector<std::string>> list(const File& folder) override { return files_.list(folder); }
  Result<> touch(const File& file) override { return files_.touch(file); }
  Result<bool> try_lock(const File& file) override { return files_.try_lock(file); }
  Result<bool> try_lock(const File& file, std::uint64_t byte, ByteLock lock) override {
    return files_.try_lock(file, byte, lock);
  }

 private:
  // A name that is not durable yet.
  struct Change {
    std::uint64_t folder = 0;  // inode
    std::function<void()> undo;
  };
  void changed(const std::filesystem::path& path, std::function<void()> undo);
  // A second name for a file, from which it can come back; empty when there is no such file.
  std::filesystem::path stash(const std::filesystem::path& path);

  SystemFiles files_;
  std::filesystem::path stash_;
  int stashed_ = 0;
  std::map<std::uint64_t, std::uint64_t> durable_;  // bytes of each file that was written, by inode
  std::vector<Change> changes_;
};

// A new folder, removed at the end. One thread at a time.
class TestFolder final {
 public:
  // kInMemory, where this machine has such a file system: for tests that repeat what they do hundreds of
  // times and have nothing to learn of how long a disk takes to write. A process that is killed loses nothing
  // there either.
  enum class Where : std::uint8_t { kOnDisk, kInMemory };
  explicit TestFolder(Where where = Where::kOnDisk);
  ~TestFolder();
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace berth
