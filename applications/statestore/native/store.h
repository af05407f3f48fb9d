// Store: what a state store does, free of any wasm and HTTP type. wit/state/state.wit says what each call
// means.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/task.h"

namespace berth::statestore {

// Milliseconds since 1970-01-01T00:00:00Z.
using Time = std::uint64_t;
[[nodiscard]] inline Time current_time() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<Time>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

// What the operator tells a store: names and texts.
using Settings = std::vector<std::pair<std::string, std::string>>;

struct Entry {
  std::vector<std::uint8_t> value;
  std::string etag;
  std::optional<Time> expires;

  // Lives as long as the value.
  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(value.data()), value.size()};
  }
  bool operator==(const Entry&) const = default;
};

// When a write may happen.
struct Condition {
  enum class Kind : std::uint8_t { kAlways, kIfAbsent, kIfEtag };
  Kind kind = Kind::kAlways;
  std::string_view etag;  // with kIfEtag
};

// One write or delete; the texts are the caller's.
struct Write {
  std::string_view key;
  std::string_view value;
  Condition condition;
  std::optional<Time> expires;
};
struct Removal {
  std::string_view key;
  Condition condition;
};
using Operation = std::variant<Write, Removal>;

// Why a store did not do what was asked.
struct StoreError {
  enum class Kind : std::uint8_t {
    kEtagMismatch,
    kEtagInvalid,
    kFull,
    kInternal,
    kUnsupported,  // the store has no such feature
    kScattered,    // the keys of one transaction belong to different instances
  };
  Kind kind = Kind::kInternal;
  std::string message;  // with all but the first two
  bool operator==(const StoreError&) const = default;
};

// Why a transaction did not happen.
struct Failure {
  std::optional<std::uint32_t> operation;  // whose condition did not hold
  StoreError error;
  bool operator==(const Failure&) const = default;
};

// What a store can do beside get, set and delete.
struct Features {
  bool bulk = false;
  bool transactions = false;
  bool scanning = false;
  bool prefixes = false;
  bool expiry = false;
  bool operator==(const Features&) const = default;
};

struct Page {
  struct Item {
    std::string key;
    Entry entry;
    bool operator==(const Item&) const = default;
  };
  std::vector<Item> items;
  std::optional<std::string> next;  // none: that was all
  bool operator==(const Page&) const = default;
};

struct Purged {
  std::uint64_t entries = 0;
  std::optional<std::string> next;
  bool operator==(const Purged&) const = default;
};

// For shadows of calls (host/shadow.h): what a copy of an answer takes.
inline std::size_t shadow_bytes(const Entry& entry) { return sizeof entry + entry.value.size(); }
inline std::size_t shadow_bytes(const Page& page) {
  std::size_t bytes = sizeof page;
  for (const Page::Item& item : page.items) bytes += shadow_bytes(item.entry) + item.key.size();
  return bytes;
}

template <class T>
using Each = std::vector<std::expected<T, StoreError>>;

// The outer Result is the host's (busy, trap, deadline), the inner one the store's.
template <class T, class E = StoreError>
using Answer = Result<std::expected<T, E>>;

template <class T>
[[nodiscard]] Answer<T> refused(StoreError error) {
  return std::expected<T, StoreError>(std::unexpect, std::move(error));
}

// The functions of berth:state. Each is atomic, but for the bulk forms, whose items are. What a store has
// no feature for is answered with kUnsupported. Arguments must live until the task is done.
// One call at a time, unless an implementation says more.
class Store {
 public:
  virtual ~Store() = default;

  virtual Task<Answer<Features>> features() = 0;
  virtual Task<Answer<std::optional<Entry>>> get(Time now, std::string_view key) = 0;
  // Returns the new ETag.
  virtual Task<Answer<std::string>> set(Time now, Write write) = 0;
  virtual Task<Answer<void>> remove(Time now, Removal removal) = 0;

  // Results in the order of the arguments. Stores without the feature `bulk` do one item after the other.
  virtual Task<Answer<Each<std::optional<Entry>>>> get_many(Time now,
                                                            std::span<const std::string_view> keys) = 0;
  virtual Task<Answer<Each<std::string>>> set_many(Time now, std::span<const Write> writes) = 0;
  virtual Task<Answer<Each<void>>> remove_many(Time now, std::span<const Removal> removals) = 0;

  virtual Task<Answer<void, Failure>> transact(Time now, std::span<const Operation> operations) = 0;
  virtual Task<Answer<Page>> scan(Time now, std::string_view prefix, std::optional<std::string_view> after,
                                  std::uint32_t limit) = 0;
  // How many entries there were.
  virtual Task<Answer<std::uint64_t>> remove_prefix(Time now, std::string_view prefix) = 0;
  virtual Task<Answer<Purged>> purge(Time now, std::optional<std::string_view> after) = 0;
};

}  // namespace berth::statestore
