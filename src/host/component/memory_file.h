// MemoryFile: a file without a name, to hand bytes to another process and back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "base/error.h"

namespace berth::host {

// Owns a file in memory and its descriptor, which no other program inherits.
// One thread at a time.
class MemoryFile final {
 public:
  // Empty. kResourceExhausted: no descriptor is left.
  [[nodiscard]] static Result<MemoryFile> create();
  MemoryFile(MemoryFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  MemoryFile& operator=(MemoryFile&&) = delete;
  ~MemoryFile();

  [[nodiscard]] int fd() const { return fd_; }  // above those of standard input and output
  [[nodiscard]] std::size_t size() const;
  // Appends. kResourceExhausted.
  [[nodiscard]] Result<void> write(std::span<const std::uint8_t> bytes);
  // Its first `max` bytes.
  [[nodiscard]] std::string text(std::size_t max) const;

 private:
  explicit MemoryFile(int fd) : fd_(fd) {}
  int fd_;
};

// A file's content, mapped. Nobody may cut the file off meanwhile.
// One thread at a time.
class MappedFile final {
 public:
  // The first `size` bytes. kUnavailable.
  [[nodiscard]] static Result<MappedFile> create(int fd, std::size_t size);
  MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile();

  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  std::span<const std::uint8_t> bytes_;
};

}  // namespace berth::host
