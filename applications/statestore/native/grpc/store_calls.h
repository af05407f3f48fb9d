// Calls of a store that both of Dapr's gRPC APIs make: items in, an empty message or a status out.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "applications/statestore/native/grpc/dapr_messages.h"
#include "applications/statestore/native/grpc/grpc_server.h"
#include "applications/statestore/native/grpc/store_status.h"

namespace berth::statestore {

// Names and framing around the values of the largest message.
inline constexpr std::uint64_t kMessageSlack = std::uint64_t{64} * 1024;

// An item that was read from a message, with the store's key. Refuses a wrong `ttlInSeconds`.
[[nodiscard]] Parsed<RequestItem> to_request_item(const WireItem& item, std::string key, Time now);

// Arguments must live until the task is done. `doing` begins an error's message.
//
// All items are tried, each by itself; the status is that of the first that failed.
[[nodiscard]] Task<GrpcOutcome> save_items(GrpcApi api, Store& store, Time now,
                                           std::span<const RequestItem> items, std::string doing);
[[nodiscard]] Task<GrpcOutcome> remove_items(GrpcApi api, Store& store, Time now,
                                             std::span<const RequestItem> items, std::string doing);
// All or nothing. A condition that did not hold is INTERNAL, as everything that fails a transaction of
// Dapr's.
[[nodiscard]] Task<GrpcOutcome> transact_items(GrpcApi api, Store& store, Time now,
                                               std::span<const RequestItem> items);

[[nodiscard]] inline std::unexpected<grpc::Status> malformed_message() {
  return failed(grpc::StatusCode::INVALID_ARGUMENT, "the request is no valid message, or has too many items");
}

}  // namespace berth::statestore
