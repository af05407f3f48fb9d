// Entries: the store itself, without any wasm: runs in the guest, and natively in tests and as a peer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace memory {

// Could blocks of these sizes be allocated together? Asked before each write that needs more memory.
using HasRoom = bool (*)(std::span<const std::size_t> blocks);

// Kept free for what a call brings in or takes out: the largest request body of the state API.
inline constexpr std::size_t kCallReserve = 5 * 1024 * 1024;

struct Condition {
  enum class Kind : std::uint8_t { kAlways, kIfAbsent, kIfEtag };
  Kind kind = Kind::kAlways;
  std::string_view etag;
};

enum class Refusal : std::uint8_t { kMismatch, kInvalid, kFull };

// Bytes in memory of malloc, which is where a guest's arguments arrive: they are kept without a copy.
// One thread at a time.
class Buffer {
 public:
  Buffer() = default;
  // Takes over; `data` may be anything when `size` is 0.
  Buffer(std::uint8_t* data, std::size_t size) : data_(size == 0 ? nullptr : data), size_(size) {}
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Buffer() { std::free(data_); }
  [[nodiscard]] static Buffer copy(std::string_view bytes);

  [[nodiscard]] std::string_view view() const { return {reinterpret_cast<const char*>(data_), size_}; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

struct Value {
  Buffer bytes;
  std::uint64_t version = 0;
};

// An ETag is the version in decimal. Versions are never used twice, also not after a hand-over.
// Uses no exceptions; a write that memory has no room for is refused beforehand.
// One thread at a time.
class Entries {
 public:
  explicit Entries(HasRoom has_room) : has_room_(has_room) {}

  // Lives until the next write.
  [[nodiscard]] const Value* get(std::string_view key) const;
  // Returns the new version.
  std::expected<std::uint64_t, Refusal> set(std::string_view key, Buffer value, const Condition& condition);
  std::expected<void, Refusal> remove(std::string_view key, const Condition& condition);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

  // Everything, for the next version of the code. Writes keep room for it, so it does not fail.
  [[nodiscard]] std::size_t saved_bytes() const { return kHeaderBytes + entry_bytes_; }
  // Writes exactly saved_bytes().
  void save(std::uint8_t* out) const;
  // Takes the place of all entries. On an error, a text for the operator, nothing has changed.
  std::expected<void, std::string> restore(const std::uint8_t* data, std::size_t size);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using Map = std::unordered_map<std::string, Value, Hash, std::equal_to<>>;

  static constexpr std::size_t kHeaderBytes = 32;
  static constexpr std::size_t kEntryHeaderBytes = 16;

  [[nodiscard]] static std::expected<void, Refusal> check(const Value* now, const Condition& condition);

  const HasRoom has_room_;
  Map entries_;
  std::size_t entry_bytes_ = 0;  // of all entries, as saved
  std::uint64_t last_version_ = 0;
};

}  // namespace memory
