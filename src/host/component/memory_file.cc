// MemoryFile and MappedFile: memfd and mmap.
#include "host/component/memory_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace berth::host {
namespace {

std::unexpected<Error> exhausted(std::string_view doing) {
  return fail(Code::kResourceExhausted,
              fmt::format("{} a file in memory: {}", doing, std::generic_category().message(errno)));
}

}  // namespace

Result<MemoryFile> MemoryFile::create() {
  const int made = ::memfd_create("berth", MFD_CLOEXEC);
  if (made < 0) return exhausted("making");
  MemoryFile file(made);
  // A program whose standard input is closed would get its number.
  if (made > STDERR_FILENO) return file;
  const int above = ::fcntl(made, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (above < 0) return exhausted("making");
  return MemoryFile(above);
}

MemoryFile::~MemoryFile() {
  if (fd_ >= 0) ::close(fd_);
}

std::size_t MemoryFile::size() const {
  struct stat about{};
  return ::fstat(fd_, &about) == 0 ? static_cast<std::size_t>(about.st_size) : 0;
}

Result<void> MemoryFile::write(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno != EINTR) return exhausted("writing to");
    if (n > 0) bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

std::string MemoryFile::text(std::size_t max) const {
  std::string out(std::min(max, size()), '\0');
  const ssize_t n = ::pread(fd_, out.data(), out.size(), 0);
  out.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  return out;
}

Result<MappedFile> MappedFile::create(int fd, std::size_t size) {
  void* at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (at == MAP_FAILED) {
    return fail(Code::kUnavailable,
                fmt::format("mapping a file: {}", std::generic_category().message(errno)));
  }
  return MappedFile({static_cast<const std::uint8_t*>(at), size});
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::uint8_t*>(bytes_.data()), bytes_.size());
}

}  // namespace berth::host
