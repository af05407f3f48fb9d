// The messages of Dapr's gRPC state calls, by the field numbers of dapr.proto.runtime.v1 and
// dapr.proto.components.v1.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "applications/statestore/native/state_request.h"

namespace berth::statestore {

// Views lie in the message that was parsed. Nothing: the message is malformed, or has more than kMaxItems
// items.

// One write or delete.
struct WireItem {
  bool removal = false;
  std::string_view key;
  std::string_view value;
  std::string_view etag;
  bool first_write = false;
  std::string_view ttl_in_seconds;
};

// ---- dapr.proto.runtime.v1: what applications call -----------------------------------------------

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
struct TransactionRequest {
  std::string_view store;
  std::vector<WireItem> items;
  std::optional<std::string_view> unknown_operation;  // neither upsert nor delete
};
struct QueryStateRequest {
  std::string_view store;
  std::string_view query;
};

[[nodiscard]] std::optional<GetStateRequest> parse_get_state(std::string_view message);
[[nodiscard]] std::optional<GetBulkStateRequest> parse_get_bulk_state(std::string_view message);
[[nodiscard]] std::optional<ItemsRequest> parse_items(std::string_view message);
[[nodiscard]] std::optional<DeleteStateRequest> parse_delete_state(std::string_view message);
[[nodiscard]] std::optional<TransactionRequest> parse_transaction_request(std::string_view message);
[[nodiscard]] std::optional<QueryStateRequest> parse_query_state(std::string_view message);

[[nodiscard]] std::string get_state_response(const std::optional<Entry>& entry);
// One BulkStateItem appended to a GetBulkStateResponse.
void append_bulk_item(std::string& response, std::string_view key, const std::optional<Entry>& entry,
                      std::string_view error);
// One QueryStateItem appended to a QueryStateResponse.
void append_query_item(std::string& response, std::string_view key, const Entry& entry);

// ---- dapr.proto.components.v1: what daprd calls --------------------------------------------------

struct Property {
  std::string_view name;
  std::string_view value;
};

[[nodiscard]] std::optional<std::vector<Property>> parse_component_init(std::string_view message);
[[nodiscard]] std::optional<std::string_view> parse_component_get(std::string_view message);
[[nodiscard]] std::optional<WireItem> parse_component_set(std::string_view message);
[[nodiscard]] std::optional<WireItem> parse_component_delete(std::string_view message);
[[nodiscard]] std::optional<std::vector<std::string_view>> parse_component_bulk_get(std::string_view message);
[[nodiscard]] std::optional<std::vector<WireItem>> parse_component_bulk_set(std::string_view message);
[[nodiscard]] std::optional<std::vector<WireItem>> parse_component_bulk_delete(std::string_view message);
[[nodiscard]] std::optional<std::vector<WireItem>> parse_component_transaction(std::string_view message);
// As a text for run_query (query.h).
[[nodiscard]] std::optional<std::string> parse_component_query(std::string_view message);

[[nodiscard]] std::string component_get_response(const std::optional<Entry>& entry);
// One BulkStateItem appended to a BulkGetResponse.
void append_component_bulk_item(std::string& response, std::string_view key,
                                const std::optional<Entry>& entry, std::string_view error);
// One QueryItem appended to a QueryResponse.
void append_component_query_item(std::string& response, std::string_view key, const Entry& entry);

}  // namespace berth::statestore
