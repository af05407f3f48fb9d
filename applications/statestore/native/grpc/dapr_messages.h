// The messages of Dapr's gRPC state calls, by the field numbers of dapr.proto.runtime.v1.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "applications/statestore/native/state_request.h"

namespace berth::statestore {

// Views lie in the message that was parsed. Nothing: the message is malformed.

// StateItem, and the fields of DeleteStateRequest beside the store's name.
struct WireItem {
  std::string_view key;
  std::string_view value;
  std::string_view etag;
  bool first_write = false;
  std::string_view ttl_in_seconds;
};

struct GetStateRequest {
  std::string_view store;
  std::string_view key;
};
struct GetBulkStateRequest {
  std::string_view store;
  std::vector<std::string_view> keys;
};
// SaveStateRequest and DeleteBulkStateRequest.
struct ItemsRequest {
  std::string_view store;
  std::vector<WireItem> items;
};
struct DeleteStateRequest {
  std::string_view store;
  WireItem item;
};

[[nodiscard]] std::optional<GetStateRequest> parse_get_state(std::string_view message);
[[nodiscard]] std::optional<GetBulkStateRequest> parse_get_bulk_state(std::string_view message);
[[nodiscard]] std::optional<ItemsRequest> parse_items(std::string_view message);
[[nodiscard]] std::optional<DeleteStateRequest> parse_delete_state(std::string_view message);

[[nodiscard]] std::string get_state_response(const std::optional<Entry>& entry);
// One BulkStateItem appended to a GetBulkStateResponse.
void append_bulk_item(std::string& response, std::string_view key, const std::optional<Entry>& entry,
                      std::string_view error);

}  // namespace berth::statestore
