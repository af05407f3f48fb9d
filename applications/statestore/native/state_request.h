// Requests of Dapr's state API: what their bodies, paths and queries say. No HTTP server, no store.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "applications/statestore/native/store.h"

namespace berth::statestore {

// Why a request is refused: an HTTP status with Dapr's error code.
struct Refusal {
  int status = 500;
  std::string_view code;  // a constant
  std::string message;
};

template <class T = void>
using Parsed = std::expected<T, Refusal>;

// How callers' keys become the store's: "<app-id>||<key>", or the key itself without an app id.
// Immutable.
class KeySpace {
 public:
  explicit KeySpace(std::string app_id) : prefix_(app_id.empty() ? "" : app_id + "||") {}
  // Refuses keys that are empty, too long, not UTF-8, or hold "||", which separates the prefix.
  [[nodiscard]] Parsed<std::string> store_key(std::string_view key) const;
  // What a caller called `store_key`, which is one of these.
  [[nodiscard]] std::string_view caller_key(std::string_view store_key) const {
    return store_key.substr(prefix_.size());
  }
  // What all of its keys begin with.
  [[nodiscard]] const std::string& prefix() const { return prefix_; }

 private:
  std::string prefix_;
};

// When an entry expires that is written at `now` with Dapr's metadata `ttlInSeconds`: nothing without the
// metadata (empty), and for -1, which takes an earlier expiry away. 0 and other negative numbers are refused,
// and so is what does not fit.
[[nodiscard]] Parsed<std::optional<Time>> expiry(Time now, std::string_view ttl_in_seconds);
// Time as Dapr writes it in `ttlExpireTime`: RFC 3339 in UTC, "2026-11-28T09:00:00.250Z".
[[nodiscard]] std::string to_rfc3339(Time time);

// One write or delete of a request.
struct RequestItem {
  bool removal = false;
  std::string key;         // the store's
  std::string_view value;  // a slice of the request's body
  std::string etag;
  Condition::Kind kind = Condition::Kind::kAlways;
  std::optional<Time> expires;

  [[nodiscard]] Condition condition() const { return {kind, etag}; }
  [[nodiscard]] Write to_write() const { return {key, value, condition(), expires}; }
  [[nodiscard]] Removal to_removal() const { return {key, condition()}; }
};

// The items of a transaction as a store takes them; valid as long as they.
[[nodiscard]] std::vector<Operation> to_operations(std::span<const RequestItem> items);
// "error while executing state transaction: operation 1 with key a", for the beginning of its error.
[[nodiscard]] std::string transaction_failed(const Failure& failure, std::span<const RequestItem> items);
inline constexpr std::string_view kTransactionFailed = "error while executing state transaction";
// Dapr answers a transaction that a condition stopped as any other failed one.
[[nodiscard]] bool stopped_by_condition(const Failure& failure);

// What items of a request are read with: the callers' keys, the time, and the metadata `ttlInSeconds` of
// the request's query, which counts in place of an item's own.
struct ItemRules {
  const KeySpace& keys;
  Time now = 0;
  std::optional<std::string> ttl_in_seconds;
};

// The body of POST /v1.0/state/{store}: a JSON array of writes. All items are good, or it is refused.
[[nodiscard]] Parsed<std::vector<RequestItem>> parse_save(std::string_view body, const ItemRules& rules);
// The body of POST /v1.0/state/{store}/transaction: {"operations": [{"operation": "upsert", "request":
// {…}}]}.
[[nodiscard]] Parsed<std::vector<RequestItem>> parse_transaction(std::string_view body,
                                                                 const ItemRules& rules);

// The body of POST /v1.0/state/{store}/bulk: callers' keys.
[[nodiscard]] Parsed<std::vector<std::string>> parse_bulk_get(std::string_view body);

// The value of one query parameter, decoded; nothing when it is not there.
[[nodiscard]] std::optional<std::string> query_parameter(std::string_view query, std::string_view name);

// Dapr's `concurrency` with an ETag as a condition: an ETag must match; without one the first write
// must find nothing.
[[nodiscard]] Parsed<Condition::Kind> condition_kind(std::string_view concurrency, bool has_etag);

}  // namespace berth::statestore
