// Artifact: reading and naming.
#include "host/component/artifact.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "host/limits.h"

namespace berth::host {
namespace {

// Owns a file descriptor. One thread at a time.
class File final {
 public:
  explicit File(const std::filesystem::path& path)
      // Without O_NONBLOCK opening a FIFO would wait for its other end.
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

std::unexpected<Error> system_error(const std::filesystem::path& path, int error) {
  const Code code = error == ENOENT || error == ENOTDIR ? Code::kNotFound
                    : error == EACCES || error == EPERM ? Code::kPermissionDenied
                                                        : Code::kUnavailable;
  return fail(code, fmt::format("reading {}: {}", path.string(), std::generic_category().message(error)));
}

std::unexpected<Error> too_large(const std::filesystem::path& path) {
  return fail(Code::kResourceExhausted,
              fmt::format("reading {}: it has more than {} MiB, the largest component that is loaded",
                          path.string(), kMaxComponentBytes >> 20));
}

}  // namespace

std::string digest_of(std::span<const std::uint8_t> bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), hash.data(), &size, EVP_sha256(), nullptr);
  std::string text = "sha256:";
  for (unsigned int i = 0; i < size; ++i) fmt::format_to(std::back_inserter(text), "{:02x}", hash[i]);
  return text;
}

Result<Artifact> read_artifact(const std::filesystem::path& path) {
  const File file(path);
  if (file.fd() < 0) return system_error(path, errno);
  struct stat about{};
  if (::fstat(file.fd(), &about) != 0) return system_error(path, errno);
  if (!S_ISREG(about.st_mode)) {
    return fail(Code::kInvalidArgument, fmt::format("reading {}: it is not a regular file", path.string()));
  }
  if (static_cast<std::uint64_t>(about.st_size) > kMaxComponentBytes) return too_large(path);

  Artifact artifact{.source = path.string()};
  // One byte more than the size said shows a file that grows.
  artifact.bytes.resize(static_cast<std::size_t>(about.st_size) + 1);
  std::size_t read = 0;
  for (;;) {
    if (read == artifact.bytes.size()) {
      if (read > kMaxComponentBytes) return too_large(path);
      artifact.bytes.resize(std::min(read * 2, kMaxComponentBytes + 1));
    }
    const ssize_t n = ::read(file.fd(), artifact.bytes.data() + read, artifact.bytes.size() - read);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(path, errno);
    if (n == 0) break;
    read += static_cast<std::size_t>(n);
  }
  artifact.bytes.resize(read);
  artifact.digest = digest_of(artifact.bytes);
  return artifact;
}

}  // namespace berth::host
