// FileWatch over inotify and stat.
#include "artifact/file_watch.h"

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

namespace berth::artifact {

using std::chrono::milliseconds;

Result<FileWatch> FileWatch::create(std::filesystem::path file, Times times) {
  const int inotify_fd = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  const int stop_fd = ::eventfd(0, EFD_CLOEXEC);
  // Without the former (a user has 128 unless the system says otherwise) the file is looked at now and then.
  FileWatch watch(std::move(file), times, inotify_fd, stop_fd);
  if (stop_fd < 0)
    return fail(Code::kInternal,
                fmt::format("cannot watch {}: {}", watch.file_.string(), std::strerror(errno)));
  watch.watch_again();
  watch.accepted_ = watch.look();
  return watch;
}

FileWatch::FileWatch(std::filesystem::path file, Times times, int inotify_fd, int stop_fd)
    : file_(std::move(file)), times_(times), inotify_fd_(inotify_fd), stop_fd_(stop_fd) {}

FileWatch::FileWatch(FileWatch&& other) noexcept
    : file_(std::move(other.file_)),
      times_(other.times_),
      inotify_fd_(std::exchange(other.inotify_fd_, -1)),
      stop_fd_(std::exchange(other.stop_fd_, -1)),
      folder_watch_(other.folder_watch_),
      file_watch_(other.file_watch_),
      named_(other.named_),
      writing_(other.writing_),
      written_at_(other.written_at_),
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
  if (::stat(file_.c_str(), &s) != 0 || !S_ISREG(s.st_mode) || s.st_size == 0) return {};
  const auto ns = [](const timespec& t) { return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec; };
  return {true, s.st_dev, s.st_ino, s.st_size, ns(s.st_mtim), ns(s.st_ctim)};
}

void FileWatch::watch_again() {
  // A watch follows the folder or file, not its name; adding it again costs nothing when it is the same.
  // Failure leaves looking now and then.
  const auto follow = [this](int& watch, const std::filesystem::path& path, std::uint32_t events) {
    const int now = ::inotify_add_watch(inotify_fd_, path.c_str(), events);
    const bool other = now != watch;
    if (other && watch >= 0) (void)::inotify_rm_watch(inotify_fd_, watch);
    watch = now;
    return other;
  };
  (void)follow(
      folder_watch_, file_.has_parent_path() ? file_.parent_path() : ".",
      IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_TO | IN_CREATE | IN_ATTRIB | IN_ONLYDIR | IN_EXCL_UNLINK);
  // The file itself as well: a link may lead to another folder. Whoever wrote what it led to before is of no
  // interest.
  if (follow(file_watch_, file_, IN_CLOSE_WRITE | IN_MODIFY) && !named_) writing_ = false;
}

void FileWatch::read_events() {
  named_ = false;
  const std::string name = file_.filename();
  alignas(inotify_event) std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t size = ::read(inotify_fd_, buffer.data(), buffer.size());
    if (size <= 0) return;
    for (ssize_t at = 0; at < size;) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* about = buffer.data() + at + sizeof event;
      at += static_cast<ssize_t>(sizeof event + event.len);
      if ((event.mask & IN_Q_OVERFLOW) != 0) writing_ = false;
      const bool named = event.wd == folder_watch_ && event.len > 0 && name == about;
      named_ = named_ || named;
      if (!named && event.wd != file_watch_) continue;
      if ((event.mask & IN_MODIFY) != 0) {
        writing_ = true;
        written_at_ = Clock::now();
      } else if ((event.mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) != 0) {
        writing_ = false;
      }
    }
  }
}

bool FileWatch::sleep(milliseconds timeout) {
  std::array<pollfd, 2> polled = {pollfd{inotify_fd_, POLLIN, 0}, pollfd{stop_fd_, POLLIN, 0}};
  (void)::poll(polled.data(), polled.size(), static_cast<int>(timeout.count()));
  if (polled[1].revents != 0) return false;
  read_events();
  return true;
}

FileWatch::Event FileWatch::wait(milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  Identity last = look();
  auto settled_at = Clock::now() + times_.settled;
  for (;;) {
    const auto now = Clock::now();
    const bool pending = last.exists && last != accepted_;
    const auto complete_at = writing_ ? std::max(settled_at, written_at_ + times_.writer) : settled_at;
    if (pending && now >= complete_at) {
      accepted_ = last;
      return Event::kChanged;
    }
    if (!pending && now >= deadline) return Event::kTimeout;
    const auto until = std::min<Clock::duration>((pending ? complete_at : deadline) - now, times_.look);
    if (!sleep(std::chrono::ceil<milliseconds>(until))) return Event::kStopped;
    watch_again();
    if (const Identity seen = look(); seen != last) {
      last = seen;
      settled_at = Clock::now() + times_.settled;
    }
  }
}

}  // namespace berth::artifact
