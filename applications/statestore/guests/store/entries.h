// Entries: the store itself, without any wasm: runs in the guest, and natively in tests and as a peer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

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

// Milliseconds since 1970-01-01T00:00:00Z.
using Time = std::uint64_t;
inline constexpr Time kNever = UINT64_MAX;

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
  Time expires = kNever;
};

// One step of a transaction: a write, or a delete without bytes.
struct Step {
  std::string_view key;
  std::optional<Buffer> bytes;
  Condition condition;
  Time expires = kNever;
};
struct Failure {
  std::size_t step;
  Refusal why;
};

// An ETag is the version in decimal. Versions are never used twice, also not after a hand-over. An entry
// that has expired at `now` is not there; it takes room until it is written or purged.
// Uses no exceptions; a write that memory has no room for is refused beforehand.
// One thread at a time.
class Entries {
 public:
  explicit Entries(HasRoom has_room) : has_room_(has_room) {}

  // Lives until the next write.
  [[nodiscard]] const Value* get(Time now, std::string_view key) const;
  // Returns the new version.
  std::expected<std::uint64_t, Refusal> set(Time now, std::string_view key, Buffer value,
                                            const Condition& condition, Time expires);
  std::expected<void, Refusal> remove(Time now, std::string_view key, const Condition& condition);
  // All or nothing, in order: a step sees what those before it did.
  std::expected<void, Failure> transact(Time now, std::span<Step> steps);

  // Calls each(key, value) for entries in the order of their keys, those after `after` (all when it is
  // nothing) that begin with `prefix`, until it returns false.
  template <class F>
  void scan(Time now, std::string_view prefix, std::optional<std::string_view> after, F each) const {
    auto at = after && *after >= prefix ? order_.upper_bound(*after) : order_.lower_bound(prefix);
    for (; at != order_.end() && at->starts_with(prefix); ++at) {
      const Value& value = entries_.find(*at)->second;
      if (value.expires > now && !each(*at, value)) return;
    }
  }
  // Returns how many there were.
  std::uint64_t remove_prefix(Time now, std::string_view prefix);

  struct Purged {
    std::uint64_t entries = 0;
    std::optional<std::string> next;
  };
  // Looks at `limit` entries after `after` and lets the expired ones go.
  Purged purge(Time now, std::optional<std::string_view> after, std::size_t limit);

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
  static constexpr std::size_t kEntryHeaderBytes = 24;

  // `version` is that of the entry which is there.
  [[nodiscard]] static std::expected<void, Refusal> check(std::optional<std::uint64_t> version,
                                                          const Condition& condition);
  [[nodiscard]] std::optional<std::uint64_t> version_at(Time now, std::string_view key) const;
  // For `more` bytes of entries as saved, `keys` of them of at most `count` new keys.
  [[nodiscard]] bool has_room_for(std::size_t more, std::size_t keys, std::size_t count) const;
  // `at` is where the key is found now.
  std::uint64_t put(Map::iterator at, std::string_view key, Buffer value, Time expires);
  void erase(Map::iterator at);

  const HasRoom has_room_;
  Map entries_;
  std::set<std::string_view> order_;  // the map's own keys
  std::size_t expiring_ = 0;          // entries that expire some time
  std::size_t entry_bytes_ = 0;       // of all entries, as saved
  std::uint64_t last_version_ = 0;
};

}  // namespace memory
