// Failure: engine codes to berth's errors.
#include "abi/failure.h"

#include <string>
#include <utility>

#include "abi/state.h"

namespace berth::abi {

namespace {

FailureKind kind_of(int32_t code) {
  switch (code) {
    case BERTH_E_INVALID: return FailureKind::kInvalid;
    case BERTH_E_LINK: return FailureKind::kLink;
    case BERTH_E_TRAP: return FailureKind::kTrap;
    case BERTH_E_LIMIT_TIME: return FailureKind::kLimitTime;
    case BERTH_E_LIMIT_MEMORY: return FailureKind::kLimitMemory;
    case BERTH_E_LIMIT_STACK: return FailureKind::kLimitStack;
    case BERTH_E_EXIT: return FailureKind::kExit;
    case BERTH_E_HOST: return FailureKind::kHost;
    case BERTH_E_CANCELLED: return FailureKind::kCancelled;
    case BERTH_E_RESOURCES: return FailureKind::kResources;
    case BERTH_E_UNSUPPORTED: return FailureKind::kUnsupported;
    default: return FailureKind::kInternal;
  }
}

Code code_of(FailureKind kind) {
  switch (kind) {
    case FailureKind::kInvalid: return Code::kInvalidArgument;
    case FailureKind::kLink:
    case FailureKind::kUnsupported: return Code::kFailedPrecondition;
    case FailureKind::kTrap: return Code::kTrap;
    case FailureKind::kLimitTime: return Code::kDeadlineExceeded;
    case FailureKind::kLimitMemory:
    case FailureKind::kLimitStack: return Code::kResourceExhausted;
    case FailureKind::kExit: return Code::kGuestError;
    case FailureKind::kCancelled: return Code::kCancelled;
    case FailureKind::kResources: return Code::kBusy;
    default: return Code::kInternal;
  }
}

}  // namespace

std::string_view failure_name(FailureKind kind) {
  switch (kind) {
    case FailureKind::kNone: return "none";
    case FailureKind::kInvalid: return "invalid";
    case FailureKind::kLink: return "link";
    case FailureKind::kTrap: return "trap";
    case FailureKind::kLimitTime: return "time limit";
    case FailureKind::kLimitMemory: return "memory limit";
    case FailureKind::kLimitStack: return "stack limit";
    case FailureKind::kExit: return "exit";
    case FailureKind::kHost: return "host error";
    case FailureKind::kCancelled: return "cancelled";
    case FailureKind::kResources: return "engine resources";
    case FailureKind::kUnsupported: return "unsupported";
    case FailureKind::kInternal: return "internal";
  }
  return "unknown";
}

Error take_error(berth_error_t* error, InstanceState* state) {
  const FailureKind kind = kind_of(error->code);
  std::string trace(view(error->trace));
  Error out(code_of(kind), std::string(view(error->message)));
  if (state != nullptr) {
    state->set_failure({kind, error->exit_code});
    std::optional<Error> cause = state->take_host_error();
    if (kind == FailureKind::kHost && cause) out = std::move(*cause);
  }
  berth_error_free(error);
  if (trace.empty()) return out;
  if (!out.detail().empty()) trace = out.detail() + "\n" + trace;
  return std::move(out).with_detail(std::move(trace));
}

}  // namespace berth::abi
