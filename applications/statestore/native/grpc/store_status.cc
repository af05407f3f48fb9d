// Statuses: codes, messages, and the details that daprd looks for.
#include "applications/statestore/native/grpc/store_status.h"

#include "applications/statestore/native/grpc/wire.h"

namespace berth::statestore {

namespace {

// google.rpc.Status { code = 1; message = 2; repeated google.protobuf.Any details = 3; } with one
// google.rpc.BadRequest { repeated FieldViolation { field = 1; description = 2; } field_violations = 1; }.
grpc::Status etag_status(grpc::StatusCode code, const std::string& message) {
  std::string violation;
  append_bytes(violation, 1, "etag");
  append_bytes(violation, 2, message);
  std::string bad_request;
  append_message(bad_request, 1, violation);
  std::string any;
  append_bytes(any, 1, "type.googleapis.com/google.rpc.BadRequest");
  append_bytes(any, 2, bad_request);
  std::string details;
  append_number(details, 1, code);
  append_bytes(details, 2, message);
  append_message(details, 3, any);
  return {code, message, details};
}

}  // namespace

grpc::Status to_status(GrpcApi api, const StoreError& error, const std::string& doing) {
  switch (error.kind) {
    case StoreError::Kind::kEtagMismatch: {
      const std::string message = doing + ": possible etag mismatch";
      if (api == GrpcApi::kRuntime) return {grpc::StatusCode::ABORTED, message};
      return etag_status(grpc::StatusCode::FAILED_PRECONDITION, message);
    }
    case StoreError::Kind::kEtagInvalid: {
      const std::string message = doing + ": invalid etag value";
      if (api == GrpcApi::kRuntime) return {grpc::StatusCode::INVALID_ARGUMENT, message};
      return etag_status(grpc::StatusCode::INVALID_ARGUMENT, message);
    }
    case StoreError::Kind::kFull:
      return {grpc::StatusCode::RESOURCE_EXHAUSTED, doing + ": the state store is full: " + error.message};
    case StoreError::Kind::kUnsupported: return {grpc::StatusCode::UNIMPLEMENTED, error.message};
    case StoreError::Kind::kScattered:
      return {grpc::StatusCode::INVALID_ARGUMENT, doing + ": " + error.message};
    case StoreError::Kind::kInternal: break;
  }
  return {grpc::StatusCode::INTERNAL, doing + ": " + error.message};
}

grpc::Status to_status(const Error& error, const std::string& doing) {
  const bool later = error.code() == Code::kBusy || error.code() == Code::kUnavailable;
  return {later ? grpc::StatusCode::UNAVAILABLE : grpc::StatusCode::INTERNAL, doing + ": " + error.message()};
}

grpc::Status to_status(const Refusal& refusal) {
  return {refusal.status == 400 ? grpc::StatusCode::INVALID_ARGUMENT : grpc::StatusCode::INTERNAL,
          refusal.message};
}

}  // namespace berth::statestore
