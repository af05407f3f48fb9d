// Copying artifacts between repositories.
#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "artifact/oci/media_type.h"
#include "artifact/oci/wasm_artifact.h"

namespace berth::artifact::oci {
namespace {

// A file without a name, gone when it is closed. One thread at a time.
class TemporaryFile final : public ByteSink {
 public:
  static Result<TemporaryFile> create() {
    std::error_code error;
    std::string name = (std::filesystem::temp_directory_path(error) / "berth-copy-XXXXXX").string();
    if (error) return fail(Code::kUnavailable, "no folder for temporary files: " + error.message());
    const int fd = ::mkostemp(name.data(), O_CLOEXEC);
    if (fd < 0) {
      return fail(Code::kUnavailable,
                  fmt::format("making {}: {}", name, std::generic_category().message(errno)));
    }
    ::unlink(name.c_str());
    return TemporaryFile(fd);
  }
  TemporaryFile(TemporaryFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)), size_(other.size_) {}
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile() {
    if (fd_ >= 0) ::close(fd_);
  }

  Result<> write(std::span<const std::uint8_t> bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        return fail(errno == ENOSPC ? Code::kResourceExhausted : Code::kUnavailable,
                    "writing a temporary file: " + std::generic_category().message(errno));
      }
      bytes = bytes.subspan(static_cast<std::size_t>(n));
      size_ += static_cast<std::uint64_t>(n);
    }
    return {};
  }
  [[nodiscard]] net::HttpFileRange range() const { return {.fd = fd_, .size = size_}; }

 private:
  explicit TemporaryFile(int fd) : fd_(fd) {}
  int fd_;
  std::uint64_t size_ = 0;
};

// Where from and where to. One thread at a time.
class Copy final {
 public:
  Copy(const Repository& from, const Repository& to, const CopyOptions& options, const std::stop_token& stop)
      : from_(from), to_(to), options_(options), stop_(stop) {}

  // A manifest with its blobs, which come first: a manifest whose parts are missing is refused.
  Result<Descriptor> manifest(const Document& document, const std::optional<std::string>& tag) const {
    const auto& content = std::get<Manifest>(document.content);
    BERTH_TRY(blob(content.config));
    for (const Descriptor& layer : content.layers) BERTH_TRY(blob(layer));
    return to_.push_manifest(document.bytes, document.descriptor.media_type, tag, stop_);
  }

  // What refers to `subject`, and the tag in which older signers keep their signatures of it.
  Result<> referrers(const Digest& subject) const {
    for (const Descriptor& referrer : BERTH_TRY(from_.referrers(subject, {}, stop_))) {
      const Document document = BERTH_TRY(from_.manifest(referrer, stop_));
      if (std::holds_alternative<Manifest>(document.content)) BERTH_TRY(manifest(document, std::nullopt));
    }
    const std::string signatures = referrers_tag(subject) + ".sig";
    const auto document = from_.manifest(signatures, stop_);
    if (!document && document.error().code() == Code::kNotFound) return {};
    if (!document) return fail(document.error());
    if (std::holds_alternative<Manifest>(document->content)) BERTH_TRY(manifest(*document, signatures));
    return {};
  }

 private:
  Result<> blob(const Descriptor& descriptor) const {
    const bool same_registry = &from_.registry() == &to_.registry();
    std::optional<TemporaryFile> file;
    const auto fetch = [&]() -> Result<net::HttpUpload> {
      file.emplace(BERTH_TRY(TemporaryFile::create()));
      BERTH_TRY(from_.blob(descriptor, options_.max_bytes, *file, options_.progress, stop_));
      return file->range();
    };
    return to_.push_blob(descriptor, fetch, same_registry ? from_.name() : std::string(), options_.progress,
                         stop_);
  }

  const Repository& from_;
  const Repository& to_;
  const CopyOptions& options_;
  const std::stop_token& stop_;
};

}  // namespace

Result<Descriptor> copy(const Repository& from, std::string_view reference, const Repository& to,
                        const std::optional<std::string>& tag, const CopyOptions& options,
                        const std::stop_token& stop) {
  // Also looks into manifest and config, so that nothing but wasm is copied.
  const WasmArtifact artifact = BERTH_TRY(inspect(from, reference, stop));
  const Document document = BERTH_TRY(from.manifest(artifact.manifest, stop));
  const Copy copy(from, to, options, stop);
  Descriptor copied = BERTH_TRY(copy.manifest(document, tag));
  if (options.referrers == Referrers::kCopy) BERTH_TRY(copy.referrers(copied.digest));
  return copied;
}

}  // namespace berth::artifact::oci
