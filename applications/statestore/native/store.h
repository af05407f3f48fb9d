// Store: what a state store does, free of any wasm and HTTP type.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/task.h"

namespace berth::statestore {

struct Entry {
  std::vector<std::uint8_t> value;
  std::string etag;

  // Lives as long as the value.
  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(value.data()), value.size()};
  }
  bool operator==(const Entry&) const = default;
};

// When a write may happen; see wit/state/state.wit.
struct Condition {
  enum class Kind : std::uint8_t { kAlways, kIfAbsent, kIfEtag };
  Kind kind = Kind::kAlways;
  std::string_view etag;  // with kIfEtag
};

// A store's own answer that it did not do what was asked.
struct StoreError {
  enum class Kind : std::uint8_t { kEtagMismatch, kEtagInvalid, kFull, kInternal };
  Kind kind = Kind::kInternal;
  std::string message;  // with kFull and kInternal
  bool operator==(const StoreError&) const = default;
};

// The outer Result is the host's (busy, trap, deadline), the inner one the store's.
template <class T>
using Answer = Result<std::expected<T, StoreError>>;

template <class T>
[[nodiscard]] Answer<T> refused(StoreError error) {
  return std::expected<T, StoreError>(std::unexpect, std::move(error));
}

// The functions of berth:state/store, each atomic. Arguments must live until the task is done.
// One call at a time, unless an implementation says more.
class Store {
 public:
  virtual ~Store() = default;
  virtual Task<Answer<std::optional<Entry>>> get(std::string_view key) = 0;
  // Returns the new ETag.
  virtual Task<Answer<std::string>> set(std::string_view key, std::string_view value,
                                        Condition condition) = 0;
  virtual Task<Answer<void>> remove(std::string_view key, Condition condition) = 0;
};

}  // namespace berth::statestore
