// Requests of Dapr's state API: what their bodies, paths and queries say. No HTTP server, no store.
#pragma once

#include <expected>
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

 private:
  std::string prefix_;
};

// One write of a save request.
struct SaveItem {
  std::string key;         // the store's
  std::string_view value;  // a slice of the request's body
  std::string etag;
  Condition::Kind kind = Condition::Kind::kAlways;

  [[nodiscard]] Condition condition() const { return {kind, etag}; }
};

// The body of POST /v1.0/state/{store}: a JSON array. All items are good, or the request is refused.
[[nodiscard]] Parsed<std::vector<SaveItem>> parse_save(std::string_view body, const KeySpace& keys);

// The body of POST /v1.0/state/{store}/bulk: callers' keys.
[[nodiscard]] Parsed<std::vector<std::string>> parse_bulk_get(std::string_view body);

// The value of one query parameter, decoded; nothing when it is not there.
[[nodiscard]] std::optional<std::string> query_parameter(std::string_view query, std::string_view name);

// Dapr's `concurrency` with an ETag as a condition: an ETag must match; without one the first write
// must find nothing.
[[nodiscard]] Parsed<Condition::Kind> condition_kind(std::string_view concurrency, bool has_etag);

// Refuses a wish for expiry, which this contract has no function for. -1, "no expiry", is fine.
[[nodiscard]] Parsed<> check_ttl(std::string_view ttl_in_seconds);

}  // namespace berth::statestore
