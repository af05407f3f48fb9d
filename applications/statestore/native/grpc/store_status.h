// What stores answer instead of a value, as gRPC statuses.
#pragma once

#include <grpcpp/support/status.h>

#include <expected>
#include <string>

#include "applications/statestore/native/state_request.h"
#include "applications/statestore/native/store.h"

namespace berth::statestore {

// Whose API it is; they differ in what a failed condition is.
enum class GrpcApi : std::uint8_t {
  kRuntime,    // dapr.proto.runtime.v1: a mismatch is ABORTED
  kComponent,  // dapr.proto.components.v1: FAILED_PRECONDITION, with the field in the details
};

// `doing` begins the message: "failed saving state in state store orders".
[[nodiscard]] grpc::Status to_status(GrpcApi api, const StoreError& error, const std::string& doing);
// The host's error: busy, a trap, a deadline.
[[nodiscard]] grpc::Status to_status(const Error& error, const std::string& doing);
// A bad request, or a query that failed.
[[nodiscard]] grpc::Status to_status(const Refusal& refusal);

// Of an answer that is no value.
template <class T>
[[nodiscard]] std::unexpected<grpc::Status> failure(GrpcApi api, const Answer<T>& answer,
                                                    const std::string& doing) {
  return std::unexpected(answer ? to_status(api, answer->error(), doing) : to_status(answer.error(), doing));
}
[[nodiscard]] inline std::unexpected<grpc::Status> failure(const Refusal& refusal) {
  return std::unexpected(to_status(refusal));
}

}  // namespace berth::statestore
