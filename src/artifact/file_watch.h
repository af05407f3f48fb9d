// FileWatch: tells when a file has been replaced or rewritten, and is complete.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <filesystem>

#include "base/error.h"

namespace berth::artifact {

// Watches one path. A rename over the file, a symbolic link that leads elsewhere (also through the links of a
// mounted ConfigMap) and a rewrite in place are seen; what the kernel does not notify (a network file system,
// a link above the file's folder, more watches than a user may have) is seen by looking every `look`. An
// empty file is one that nobody has written yet. One thread at a time, except stop.
class FileWatch final {
 public:
  struct Times {
    // A file that does not change for this long is complete ...
    std::chrono::milliseconds settled{150};
    // ... unless somebody who wrote has it open still, and paused for less than this.
    std::chrono::milliseconds writer{10'000};
    std::chrono::milliseconds look{2'000};
  };

  // Remembers the file as it is now. kInternal when the process may open no more files.
  [[nodiscard]] static Result<FileWatch> create(std::filesystem::path file) {
    return create(std::move(file), Times());
  }
  [[nodiscard]] static Result<FileWatch> create(std::filesystem::path file, Times times);
  FileWatch(FileWatch&& other) noexcept;
  FileWatch& operator=(FileWatch&&) = delete;
  ~FileWatch();

  enum class Event : std::uint8_t { kChanged, kTimeout, kStopped };
  // Waits until the file is another than at the last kChanged (or creation), exists, and is complete.
  // Blocks for at most `timeout`, and for what a file that has changed needs to settle.
  [[nodiscard]] Event wait(std::chrono::milliseconds timeout);

  // Makes every wait return kStopped. Any thread.
  void stop();

 private:
  using Clock = std::chrono::steady_clock;

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

  FileWatch(std::filesystem::path file, Times times, int inotify_fd, int stop_fd);
  [[nodiscard]] Identity look() const;
  void watch_again();
  void read_events();
  // False when stopped.
  [[nodiscard]] bool sleep(std::chrono::milliseconds timeout);

  std::filesystem::path file_;
  Times times_;
  int inotify_fd_;
  int stop_fd_;
  int folder_watch_ = -1;
  int file_watch_ = -1;   // of what the path leads to now
  bool named_ = false;    // the last events were about the path's own name
  bool writing_ = false;  // written, and not closed since
  Clock::time_point written_at_;
  Identity accepted_;
};

}  // namespace berth::artifact
