// The control socket: paths, permissions, who is alive, lines.
#include "cli/control_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <thread>
#include <utility>

#include "cli/limits.h"

namespace berth::cli {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kBacklog = 16;

std::string because(int error) { return std::system_category().message(error); }

Result<sockaddr_un> address_of(const fs::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& text = path.native();
  if (text.size() >= sizeof address.sun_path) {
    return fail(Code::kInvalidArgument,
                fmt::format("the socket path {} has {} bytes; {} are possible, choose a shorter one", text,
                            text.size(), sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, text.data(), text.size());
  return address;
}

// The folder decides who can replace the socket: it must be ours, or root's, and closed to others.
Result<> prepare_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder.parent_path(), error);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(Code::kPermissionDenied,
                fmt::format("cannot make the folder {}: {}", folder.string(), because(errno)));
  }
  struct stat status{};
  if (::lstat(folder.c_str(), &status) != 0) {
    return fail(Code::kPermissionDenied,
                fmt::format("cannot look at {}: {}", folder.string(), because(errno)));
  }
  const bool ours = status.st_uid == ::geteuid() || status.st_uid == 0;
  if (!S_ISDIR(status.st_mode) || !ours || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return fail(
        Code::kPermissionDenied,
        fmt::format(
            "the folder {} could be changed by others; give it to this user with mode 0700, or choose "
            "another path for control.socket",
            folder.string()));
  }
  return {};
}

// Waits until `fd` is ready. Fails when the stop descriptor is, or at the deadline.
Result<> wait_for(int fd, short events, int stop_fd, Clock::time_point deadline) {
  std::array<pollfd, 2> polled = {pollfd{fd, events, 0}, pollfd{stop_fd, POLLIN, 0}};
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return fail(Code::kDeadlineExceeded, "the other end of the control socket is silent");
    const int n = ::poll(polled.data(), stop_fd >= 0 ? 2 : 1, static_cast<int>(std::min<long>(left, 60'000)));
    if (n < 0 && errno != EINTR) return fail(Code::kUnavailable, "poll: " + because(errno));
    if (n <= 0) continue;
    if (polled[1].revents != 0) return fail(Code::kUnavailable, "the host stops");
    return {};
  }
}

}  // namespace

fs::path default_socket() {
  if (const char* path = std::getenv("BERTH_SOCKET"); path != nullptr && *path != '\0') return path;
  if (const char* folder = std::getenv("XDG_RUNTIME_DIR"); folder != nullptr && *folder == '/') {
    return fs::path(folder) / "berth" / "control.sock";
  }
  return fs::path(fmt::format("/tmp/berth-{}", ::getuid())) / "control.sock";
}

LineSocket::LineSocket(LineSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), stop_fd_(other.stop_fd_), buffer_(std::move(other.buffer_)) {}

LineSocket::~LineSocket() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::string> LineSocket::read_line(std::size_t max, std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  std::size_t searched = 0;
  for (;;) {
    if (const std::size_t end = buffer_.find('\n', searched); end != std::string::npos) {
      if (end > max) return fail(Code::kResourceExhausted, fmt::format("a line of more than {} bytes", max));
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    searched = buffer_.size();
    if (searched > max)
      return fail(Code::kResourceExhausted, fmt::format("a line of more than {} bytes", max));
    BERTH_TRY(wait_for(fd_, POLLIN, stop_fd_, deadline));
    std::array<char, 16 * 1024> chunk;
    const ssize_t n = ::recv(fd_, chunk.data(), chunk.size(), 0);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return fail(Code::kUnavailable, "the other end of the control socket closed it");
    buffer_.append(chunk.data(), static_cast<std::size_t>(n));
  }
}

Result<> LineSocket::write_line(std::string line, std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  line += '\n';
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t n = ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      BERTH_TRY(wait_for(fd_, POLLOUT, stop_fd_, deadline));
    } else if (errno != EINTR) {
      return fail(Code::kUnavailable, "the other end of the control socket closed it");
    }
  }
  return {};
}

Result<LineSocket> connect_to(const fs::path& path) {
  const sockaddr_un address = BERTH_TRY(address_of(path));
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(Code::kInternal, "socket: " + because(errno));
  LineSocket socket(fd);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EACCES || errno == EPERM) {
      return fail(Code::kPermissionDenied,
                  fmt::format("{} belongs to another user; run this as the user of the host", path.string()));
    }
    return fail(Code::kUnavailable,
                fmt::format("no host answers on {} ({}); start one with \"berth up FILE\", or name its "
                            "socket with --socket",
                            path.string(), because(errno)));
  }
  return socket;
}

Result<Listener> listen_at(const fs::path& path) {
  const sockaddr_un address = BERTH_TRY(address_of(path));
  BERTH_TRY(prepare_folder(path.has_parent_path() ? path.parent_path() : fs::path(".")));

  Listener listener;
  listener.path = path;
  const fs::path lock = path.string() + ".lock";
  listener.lock_fd = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (listener.lock_fd < 0) {
    return fail(Code::kPermissionDenied, fmt::format("cannot open {}: {}", lock.string(), because(errno)));
  }
  // A host that was killed while it started its compiler leaves the lock to that process for a moment.
  const auto until = std::chrono::steady_clock::now() + kLockWait;
  while (::flock(listener.lock_fd, LOCK_EX | LOCK_NB) != 0) {
    if (std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      continue;
    }
    release(listener);
    return fail(Code::kAlreadyExists,
                fmt::format("another host listens on {}; stop it, or give this one another control.socket",
                            path.string()));
  }
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) {
      release(listener);
      return fail(Code::kInvalidArgument,
                  fmt::format("{} is there and is no socket; remove it or choose another control.socket",
                              path.string()));
    }
    // We hold the lock, so whoever made this socket is gone.
    ::unlink(path.c_str());
  }
  listener.fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  // Linux gives the new file the socket's mode: it is never open to others, not even for a moment.
  if (listener.fd < 0 || ::fchmod(listener.fd, 0600) != 0 ||
      ::bind(listener.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener.fd, kBacklog) != 0) {
    const int error = errno;
    release(listener);
    return fail(Code::kPermissionDenied,
                fmt::format("cannot listen on {}: {}", path.string(), because(error)));
  }
  return listener;
}

void release(Listener& listener) {
  if (listener.fd >= 0) {
    ::unlink(listener.path.c_str());
    ::close(std::exchange(listener.fd, -1));
  }
  // The lock file stays: removing it would let a third host lock another file of the same name.
  if (listener.lock_fd >= 0) ::close(std::exchange(listener.lock_fd, -1));
}

}  // namespace berth::cli
