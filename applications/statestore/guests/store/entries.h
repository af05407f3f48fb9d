// Entries: the store itself, without any wasm: runs in the guest, and natively in tests and as a peer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace memory {

// Can `bytes` more be allocated? Asked before each write that needs more memory.
using HasRoom = bool (*)(std::size_t bytes);

// Kept free for what a call brings in or takes out: the largest request body of the state API.
inline constexpr std::size_t kCallReserve = 5 * 1024 * 1024;

struct Condition {
  enum class Kind : std::uint8_t { kAlways, kIfAbsent, kIfEtag };
  Kind kind = Kind::kAlways;
  std::string_view etag;
};

enum class Refusal : std::uint8_t { kMismatch, kInvalid, kFull };

struct Value {
  std::string bytes;
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
  std::expected<std::uint64_t, Refusal> set(std::string_view key, std::string_view value,
                                            const Condition& condition);
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
