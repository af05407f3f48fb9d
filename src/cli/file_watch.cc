// FileWatch over inotify and stat.
#include "cli/file_watch.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace berth::cli {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

Result<FileWatch> FileWatch::create(std::filesystem::path file) {
  const int inotify_fd = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  const int stop_fd = ::eventfd(0, EFD_CLOEXEC);
  FileWatch watch(std::move(file), inotify_fd, stop_fd);
  if (inotify_fd < 0 || stop_fd < 0) {
    return fail(Code::kInternal,
                fmt::format("cannot watch {}: {}; raise fs.inotify.max_user_instances, or write "
                            "update: {{watch: false}}",
                            watch.file_.string(), std::strerror(errno)));
  }
  watch.watch_again();
  watch.accepted_ = watch.look();
  return watch;
}

FileWatch::FileWatch(std::filesystem::path file, int inotify_fd, int stop_fd)
    : file_(std::move(file)), inotify_fd_(inotify_fd), stop_fd_(stop_fd) {}

FileWatch::FileWatch(FileWatch&& other) noexcept
    : file_(std::move(other.file_)),
      inotify_fd_(std::exchange(other.inotify_fd_, -1)),
      stop_fd_(std::exchange(other.stop_fd_, -1)),
      accepted_(other.accepted_) {}

FileWatch::~FileWatch() {
  if (inotify_fd_ >= 0) ::close(inotify_fd_);
  if (stop_fd_ >= 0) ::close(stop_fd_);
}

void FileWatch::stop() {
  const std::uint64_t one = 1;
  (void)!::write(stop_fd_, &one, sizeof one);
}

FileWatch::Identity FileWatch::look() const {
  struct stat s{};
  if (::stat(file_.c_str(), &s) != 0 || !S_ISREG(s.st_mode)) return {};
  const auto ns = [](const timespec& t) { return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec; };
  return {true, s.st_dev, s.st_ino, s.st_size, ns(s.st_mtim), ns(s.st_ctim)};
}

void FileWatch::watch_again() {
  // A watch follows the folder, not its name; adding it again costs nothing when it is the same.
  // Failure leaves looking every kLook.
  const std::filesystem::path folder = file_.has_parent_path() ? file_.parent_path() : ".";
  (void)::inotify_add_watch(inotify_fd_, folder.c_str(),
                            IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_TO | IN_CREATE | IN_ATTRIB | IN_ONLYDIR);
}

bool FileWatch::sleep(milliseconds timeout) {
  std::array<pollfd, 2> polled = {pollfd{inotify_fd_, POLLIN, 0}, pollfd{stop_fd_, POLLIN, 0}};
  (void)::poll(polled.data(), polled.size(), static_cast<int>(timeout.count()));
  if (polled[1].revents != 0) return false;
  // Which event it was does not matter: look() decides.
  std::array<char, 4096> events;
  while (::read(inotify_fd_, events.data(), events.size()) > 0) {
  }
  return true;
}

FileWatch::Event FileWatch::wait(milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  Identity last = look();
  auto settled_at = Clock::now() + kSettled;
  for (;;) {
    const auto now = Clock::now();
    const bool pending = last.exists && last != accepted_;
    if (pending && now >= settled_at) {
      accepted_ = last;
      return Event::kChanged;
    }
    if (!pending && now >= deadline) return Event::kTimeout;
    const auto until = pending ? settled_at - now : std::min<Clock::duration>(deadline - now, kLook);
    if (!sleep(std::chrono::ceil<milliseconds>(until))) return Event::kStopped;
    watch_again();
    if (const Identity seen = look(); seen != last) {
      last = seen;
      settled_at = Clock::now() + kSettled;
    }
  }
}

}  // namespace berth::cli
