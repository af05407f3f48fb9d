// Small files.
#include "artifact/signature/small_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace berth::artifact::signature {
namespace {

namespace fs = std::filesystem;

Code code_of(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR: return Code::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS: return Code::kPermissionDenied;
    case EEXIST: return Code::kAlreadyExists;
    case EISDIR: return Code::kInvalidArgument;
    default: return Code::kUnavailable;
  }
}

std::unexpected<Error> system_error(std::string_view doing, const fs::path& path, int error) {
  return fail(code_of(error),
              fmt::format("{} {}: {}", doing, path.string(), std::generic_category().message(error)));
}

// 0, or errno.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return ::fsync(fd) == 0 ? 0 : errno;
}

}  // namespace

Result<std::string> read_whole(const fs::path& path, std::size_t max_bytes) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_error("reading", path, errno);
  std::string text;
  int error = 0;
  for (;;) {
    constexpr std::size_t kPiece = 64 * 1024;
    const std::size_t before = text.size();
    const std::size_t piece = std::min(std::max(kPiece, before), max_bytes + 1 - before);
    if (piece == 0) break;
    text.resize(before + piece);
    const ssize_t n = ::read(fd, text.data() + before, piece);
    text.resize(before + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) error = errno;
    if (n <= 0) break;
  }
  ::close(fd);
  if (error != 0) return system_error("reading", path, error);
  if (text.size() > max_bytes) {
    return fail(Code::kResourceExhausted,
                fmt::format("reading {}: it has more than {} bytes", path.string(), max_bytes));
  }
  return text;
}

Result<> create_whole(const fs::path& path, std::string_view text, mode_t mode) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return system_error("writing", path, errno);
  int error = ::fchmod(fd, mode) == 0 ? 0 : errno;  // whatever the umask says
  if (error == 0) error = write_all(fd, text);
  if (::close(fd) != 0 && error == 0) error = errno;
  if (error == 0) return {};
  ::unlink(path.c_str());
  return system_error("writing", path, error);
}

Result<> expect_none(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(fs::symlink_status(path, ignored))) return {};
  return system_error("writing", path, EEXIST);
}

Result<> replace_whole(const fs::path& path, std::string_view text) {
  const fs::path next = path.string() + fmt::format(".{}.new", ::getpid());
  BERTH_TRY(create_whole(next, text, 0644));
  if (::rename(next.c_str(), path.c_str()) == 0) return {};
  const int error = errno;
  ::unlink(next.c_str());
  return system_error("writing", path, error);
}

}  // namespace berth::artifact::signature
