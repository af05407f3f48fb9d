// The control socket: where a running host listens, and newline-delimited JSON over it.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>

#include "base/error.h"

namespace berth::cli {

// $BERTH_SOCKET, else $XDG_RUNTIME_DIR/berth/control.sock, else /tmp/berth-UID/control.sock.
[[nodiscard]] std::filesystem::path default_socket();

// One end of a connection. Reads and writes whole lines.
// One thread at a time.
class LineSocket final {
 public:
  // Takes `fd` over; reading also ends when `stop_fd` (borrowed, or -1) becomes readable.
  explicit LineSocket(int fd, int stop_fd = -1) : fd_(fd), stop_fd_(stop_fd) {}
  LineSocket(LineSocket&& other) noexcept;
  LineSocket& operator=(LineSocket&&) = delete;
  ~LineSocket();

  // A line without its newline. Blocks.
  //  kUnavailable: the other end is gone, or stop_fd asked to stop. kDeadlineExceeded.
  //  kResourceExhausted: longer than `max` bytes.
  [[nodiscard]] Result<std::string> read_line(std::size_t max, std::chrono::milliseconds timeout);
  // Adds the newline. Blocks. kUnavailable, kDeadlineExceeded.
  [[nodiscard]] Result<> write_line(std::string line, std::chrono::milliseconds timeout);

 private:
  int fd_;
  int stop_fd_;
  std::string buffer_;
};

// Connects. kUnavailable when no host answers there, saying what to do; kPermissionDenied.
[[nodiscard]] Result<LineSocket> connect_to(const std::filesystem::path& path);

// Binds and listens at `path`: makes its folder with mode 0700 when it is missing and the socket with
// mode 0600, replaces a socket that nobody listens on. The lock file beside it is held until
// `release`; it decides who is alive when two hosts start at once.
struct Listener {
  int fd = -1;
  int lock_fd = -1;
  std::filesystem::path path;
};
//  kAlreadyExists: another host is alive there. kPermissionDenied: the folder is open to others.
//  kInvalidArgument: the path is too long for a Unix socket, or something else is there.
[[nodiscard]] Result<Listener> listen_at(const std::filesystem::path& path);
// Closes and removes the socket.
void release(Listener& listener);

}  // namespace berth::cli
