// StateStore: a state store of a Host, called from this process.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace berth {

struct StateEntry {
  std::string value;
  std::string etag;  // names this version of the entry
  std::optional<std::chrono::system_clock::time_point> expires;
};

// When a write may happen: whatever is there (the default), only when nothing is, or only when the entry
// has this ETag. The ETag's text outlives the call.
struct StateCondition {
  enum class Kind : std::uint8_t { kAlways, kIfAbsent, kIfEtag };
  Kind kind = Kind::kAlways;
  std::string_view etag;

  [[nodiscard]] static StateCondition if_absent() { return {Kind::kIfAbsent, {}}; }
  [[nodiscard]] static StateCondition if_etag(std::string_view etag) { return {Kind::kIfEtag, etag}; }
};

// A write, or a delete: without a value. Its texts outlive the call.
struct StateOperation {
  std::string_view key;
  std::optional<std::string_view> value;
  StateCondition condition;
  std::optional<std::chrono::seconds> ttl;
};

// Each call blocks until the store has answered; those of one key run in the order in which they are
// made, also while the component is replaced. Never call it on a thread of a trigger or a capability.
//
// Errors of every call:
//  kAborted: the condition does not hold. kInvalidArgument: the text was never an ETag; an empty key; a
//  transaction whose keys different instances keep. kFailedPrecondition: the store lacks the feature.
//  kResourceExhausted: the store is full. kBusy: the workload's queue is full. kTrap, kDeadlineExceeded: its
//  instance was stopped. kUnavailable: the host was stopped. kGuestError: the store's own failure.
// Nothing has changed after an error, but for kTrap, kDeadlineExceeded and kGuestError, where it is unknown.
//
// Thread-safe. Valid as long as its Host; copies are the same store.
class StateStore final {
 public:
  // Nothing when there is no such entry, or it has expired.
  [[nodiscard]] Result<std::optional<StateEntry>> get(std::string_view key) const;
  // Returns the new ETag. Without `ttl` the entry stays; a `ttl` is at least a second.
  Result<std::string> set(std::string_view key, std::string_view value, StateCondition condition = {},
                          std::optional<std::chrono::seconds> ttl = {}) const;
  // Fine without an entry, unless the condition is an ETag.
  Result<void> remove(std::string_view key, StateCondition condition = {}) const;
  // All or nothing, in order.
  Result<void> transact(std::span<const StateOperation> operations) const;
  // The entries whose keys begin with `prefix`, with their keys, in no order. Not one moment's: entries
  // written meanwhile may be there or not.
  [[nodiscard]] Result<std::vector<std::pair<std::string, StateEntry>>> list(std::string_view prefix) const;

 private:
  friend class Host;
  class Impl;
  explicit StateStore(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

}  // namespace berth
