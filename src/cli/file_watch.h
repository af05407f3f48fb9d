// FileWatch: tells when a file has been replaced or rewritten, and is complete.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <filesystem>

#include "base/error.h"

namespace berth::cli {

// Watches one path. Its folder is watched too, so that a rename over the file and a change of a
// symbolic link are seen; what the kernel does not notify (a network file system) is seen by looking
// every kLook.
// One thread at a time, except stop.
class FileWatch final {
 public:
  // A file that does not change for this long is complete.
  static constexpr std::chrono::milliseconds kSettled{150};
  static constexpr std::chrono::milliseconds kLook{2000};

  // Remembers the file as it is now. kInternal when the system has no more watches.
  [[nodiscard]] static Result<FileWatch> create(std::filesystem::path file);
  FileWatch(FileWatch&& other) noexcept;
  FileWatch& operator=(FileWatch&&) = delete;
  ~FileWatch();

  enum class Event : std::uint8_t { kChanged, kTimeout, kStopped };
  // Waits until the file is another than at the last kChanged (or creation), exists, and has
  // settled. Blocks for at most `timeout`.
  [[nodiscard]] Event wait(std::chrono::milliseconds timeout);

  // Makes every wait return kStopped. Any thread.
  void stop();

 private:
  // What tells one content from another without reading it.
  struct Identity {
    bool exists = false;
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    std::int64_t modified_ns = 0;
    std::int64_t changed_ns = 0;
    bool operator==(const Identity&) const = default;
  };

  FileWatch(std::filesystem::path file, int inotify_fd, int stop_fd);
  [[nodiscard]] Identity look() const;
  void watch_again();
  // False when stopped.
  [[nodiscard]] bool sleep(std::chrono::milliseconds timeout);

  std::filesystem::path file_;
  int inotify_fd_;
  int stop_fd_;
  Identity accepted_;
};

}  // namespace berth::cli
