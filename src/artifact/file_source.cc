// FileSource: open, identify, read, identify again.
#include "artifact/file_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>

namespace berth::artifact {
namespace {

// Owns a file descriptor. One thread at a time.
class OpenFile final {
 public:
  explicit OpenFile(const std::filesystem::path& path)
      // Without O_NONBLOCK opening a FIFO would wait for its other end.
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

std::unexpected<Error> bad(const std::filesystem::path& path, Code code, std::string_view why) {
  return fail(code, fmt::format("reading {}: {}", path.string(), why));
}

std::unexpected<Error> system_error(const std::filesystem::path& path, int error) {
  const Code code = error == ENOENT || error == ENOTDIR ? Code::kNotFound
                    : error == EACCES || error == EPERM ? Code::kPermissionDenied
                    : error == ELOOP                    ? Code::kInvalidArgument
                                                        : Code::kUnavailable;
  return bad(path, code, std::generic_category().message(error));
}

// What tells one content from another without reading it.
std::string identity_of(const struct stat& about) {
  return fmt::format("{}:{}:{}:{}.{}:{}.{}", about.st_dev, about.st_ino, about.st_size, about.st_mtim.tv_sec,
                     about.st_mtim.tv_nsec, about.st_ctim.tv_sec, about.st_ctim.tv_nsec);
}

bool times_are_sure(const struct stat& about, std::chrono::seconds sure_after) {
  const auto changed =
      std::chrono::system_clock::from_time_t(std::max(about.st_mtim.tv_sec, about.st_ctim.tv_sec));
  return std::chrono::system_clock::now() - changed > sure_after;
}

class MemorySink final : public ByteSink {
 public:
  explicit MemorySink(std::vector<std::uint8_t>& bytes) : bytes_(bytes) {}
  Result<> write(std::span<const std::uint8_t> some) override {
    bytes_.insert(bytes_.end(), some.begin(), some.end());
    return {};
  }

 private:
  std::vector<std::uint8_t>& bytes_;
};

}  // namespace

Result<FetchOutcome> FileSource::fetch(const FetchRequest& request, ByteSink& sink, std::stop_token stop) {
  const OpenFile file(path_);
  struct stat before{};
  if (file.fd() < 0 || ::fstat(file.fd(), &before) != 0) return system_error(path_, errno);
  if (!S_ISREG(before.st_mode)) return bad(path_, Code::kInvalidArgument, "it is not a regular file");
  const std::string identity = identity_of(before);
  if (has_current(request) && request.known->validators.etag == identity) {
    return Unchanged{.validators = request.known->validators};
  }
  const auto too_large = [&] {
    return bad(path_, Code::kResourceExhausted, fmt::format("it has more than {} bytes", request.max_bytes));
  };
  if (static_cast<std::uint64_t>(before.st_size) > request.max_bytes) return too_large();

  Fetched out;
  Hasher hasher;
  std::vector<std::uint8_t> buffer(std::size_t{256} << 10);
  for (;;) {
    if (stop.stop_requested()) return bad(path_, Code::kCancelled, "it was cancelled");
    const ssize_t n = ::read(file.fd(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(path_, errno);
    if (n == 0) break;
    const std::span<const std::uint8_t> some(buffer.data(), static_cast<std::size_t>(n));
    out.bytes += some.size();
    if (out.bytes > request.max_bytes) return too_large();  // it has grown
    hasher.update(some);
    BERTH_TRY(sink.write(some));
  }
  struct stat after{};
  if (::fstat(file.fd(), &after) != 0) return system_error(path_, errno);
  // A link count that fell because the file was replaced or removed changes the status time alone.
  const bool written = after.st_size != before.st_size || after.st_mtim.tv_sec != before.st_mtim.tv_sec ||
                       after.st_mtim.tv_nsec != before.st_mtim.tv_nsec ||
                       out.bytes != static_cast<std::uint64_t>(after.st_size);
  if (written) return bad(path_, Code::kAborted, "it was written while it was read");
  out.digest = BERTH_TRY(hasher.finish());
  if (request.expected && *request.expected != out.digest) {
    return bad(path_, Code::kFailedPrecondition,
               fmt::format("its digest is {}, not the expected {}", out.digest.to_string(),
                           request.expected->to_string()));
  }
  if (times_are_sure(before, sure_after_)) out.validators.etag = identity;
  return out;
}

Result<Artifact> read_artifact(const std::filesystem::path& path, std::uint64_t max_bytes) {
  Artifact out{.source = path.string()};
  // Only to save copies: what is read is bounded by fetch.
  std::error_code none;
  if (const auto size = std::filesystem::file_size(path, none); !none && size <= max_bytes)
    out.bytes.reserve(size);
  MemorySink sink(out.bytes);
  auto fetched = BERTH_TRY(FileSource(path).fetch({.max_bytes = max_bytes}, sink, {}));
  out.digest = std::get<Fetched>(fetched).digest;
  return out;
}

}  // namespace berth::artifact
