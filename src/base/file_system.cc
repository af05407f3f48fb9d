// SystemFiles: the operations as system calls.
#include "base/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string_view>
#include <system_error>

namespace berth {
namespace {

// Calls until it is not interrupted.
template <class Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

std::unexpected<Error> failed(std::string_view doing, const std::filesystem::path& path) {
  return fail(system_error(errno, doing, path));
}

FileInfo to_info(const struct stat& about) {
  const auto used =
      std::chrono::seconds(about.st_atim.tv_sec) + std::chrono::nanoseconds(about.st_atim.tv_nsec);
  return {.kind = S_ISREG(about.st_mode)   ? FileInfo::Kind::kFile
                  : S_ISDIR(about.st_mode) ? FileInfo::Kind::kFolder
                                           : FileInfo::Kind::kOther,
          .size = static_cast<std::uint64_t>(about.st_size),
          .owner = about.st_uid,
          .permissions = about.st_mode & 0777,
          .device = about.st_dev,
          .inode = about.st_ino,
          .used = std::chrono::system_clock::time_point(used)};
}

Result<bool> locked(int result, const File& file) {
  if (result == 0) return true;
  if (errno == EWOULDBLOCK || errno == EAGAIN || errno == EACCES) return false;
  return failed("locking", file.path());
}

}  // namespace

File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

Error system_error(int error, std::string_view doing, const std::filesystem::path& path) {
  Code code = Code::kUnavailable;
  switch (error) {
    case ENOENT:
    case ENOTDIR: code = Code::kNotFound; break;
    case EEXIST: code = Code::kAlreadyExists; break;
    case EACCES:
    case EPERM:
    case EROFS: code = Code::kPermissionDenied; break;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM: code = Code::kResourceExhausted; break;
    default: break;
  }
  std::string text(doing);
  text += " ";
  text += path.string();
  text += ": ";
  text += std::generic_category().message(error);
  return Error(code, std::move(text));
}

Result<File> SystemFiles::open(const File& folder, const std::string& name, OpenMode mode) {
  int flags = O_CLOEXEC;
  switch (mode) {
    // Without O_NONBLOCK opening a FIFO would wait for its other end.
    case OpenMode::kRead: flags |= O_RDONLY | O_NOFOLLOW | O_NONBLOCK; break;
    case OpenMode::kCreate: flags |= O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW; break;
    case OpenMode::kLock: flags |= O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK; break;
    case OpenMode::kFolder: flags |= O_RDONLY | O_DIRECTORY; break;
  }
  const int fd = uninterrupted([&] { return ::openat(folder.fd(), name.c_str(), flags, 0600); });
  if (fd < 0) return failed(mode == OpenMode::kCreate ? "creating" : "opening", folder.path() / name);
  return File(fd, folder.path() / name);
}

Result<std::size_t> SystemFiles::read(const File& file, std::span<std::uint8_t> into, std::uint64_t offset) {
  const ssize_t n =
      uninterrupted([&] { return ::pread(file.fd(), into.data(), into.size(), static_cast<off_t>(offset)); });
  if (n < 0) return failed("reading", file.path());
  return static_cast<std::size_t>(n);
}

Result<std::size_t> SystemFiles::write(const File& file, std::span<const std::uint8_t> bytes) {
  const ssize_t n = uninterrupted([&] { return ::write(file.fd(), bytes.data(), bytes.size()); });
  if (n < 0) return failed("writing", file.path());
  return static_cast<std::size_t>(n);
}

Result<> SystemFiles::sync(const File& file) {
  if (uninterrupted([&] { return ::fsync(file.fd()); }) != 0) return failed("syncing", file.path());
  return {};
}

Result<> SystemFiles::rename(const File& from, const std::string& name, const File& to,
                             const std::string& new_name) {
  if (::renameat(from.fd(), name.c_str(), to.fd(), new_name.c_str()) != 0) {
    return failed("renaming", from.path() / name);
  }
  return {};
}

Result<> SystemFiles::remove(const File& folder, const std::string& name) {
  if (::unlinkat(folder.fd(), name.c_str(), 0) != 0) return failed("removing", folder.path() / name);
  return {};
}

Result<> SystemFiles::make_folder(const File& folder, const std::string& name) {
  if (::mkdirat(folder.fd(), name.c_str(), 0700) != 0) return failed("making folder", folder.path() / name);
  return {};
}

Result<FileInfo> SystemFiles::info(const File& file) {
  struct stat about{};
  if (::fstat(file.fd(), &about) != 0) return failed("asking about", file.path());
  return to_info(about);
}

Result<FileInfo> SystemFiles::info(const File& folder, const std::string& name) {
  struct stat about{};
  if (::fstatat(folder.fd(), name.c_str(), &about, AT_SYMLINK_NOFOLLOW) != 0) {
    return failed("asking about", folder.path() / name);
  }
  return to_info(about);
}

Result<std::vector<std::string>> SystemFiles::list(const File& folder) {
  // An opening of its own: reading a folder moves the position of the opening it goes through.
  const int fd =
      uninterrupted([&] { return ::openat(folder.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (fd < 0) return failed("listing", folder.path());
  struct Close {
    void operator()(DIR* dir) const { ::closedir(dir); }
  };
  const std::unique_ptr<DIR, Close> dir(::fdopendir(fd));
  if (!dir) {
    const int error = errno;
    ::close(fd);
    return fail(system_error(error, "listing", folder.path()));
  }
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(dir.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return failed("listing", folder.path());
  return names;
}

Result<> SystemFiles::touch(const File& file) {
  const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_NOW}, {.tv_sec = 0, .tv_nsec = UTIME_OMIT}};
  if (::futimens(file.fd(), times) != 0) return failed("noting the use of", file.path());
  return {};
}

Result<bool> SystemFiles::try_lock(const File& file) {
  return locked(uninterrupted([&] { return ::flock(file.fd(), LOCK_EX | LOCK_NB); }), file);
}

Result<bool> SystemFiles::try_lock(const File& file, std::uint64_t byte, ByteLock lock) {
  struct flock range{};
  range.l_type = lock == ByteLock::kNone ? F_UNLCK : lock == ByteLock::kShared ? F_RDLCK : F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = static_cast<off_t>(byte);
  range.l_len = 1;
  // Of the opening, not of the process: closing another opening of the file does not drop it.
  return locked(uninterrupted([&] { return ::fcntl(file.fd(), F_OFD_SETLK, &range); }), file);
}

}  // namespace berth
