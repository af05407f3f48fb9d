// Error: names of codes and the text for a terminal.
#include "base/error.h"

namespace berth {

std::string_view code_name(Code code) {
  switch (code) {
    case Code::kInvalidArgument: return "invalid-argument";
    case Code::kNotFound: return "not-found";
    case Code::kAlreadyExists: return "already-exists";
    case Code::kPermissionDenied: return "permission-denied";
    case Code::kFailedPrecondition: return "failed-precondition";
    case Code::kAborted: return "aborted";
    case Code::kBusy: return "busy";
    case Code::kDeadlineExceeded: return "deadline-exceeded";
    case Code::kCancelled: return "cancelled";
    case Code::kUnavailable: return "unavailable";
    case Code::kResourceExhausted: return "resource-exhausted";
    case Code::kGuestError: return "guest-error";
    case Code::kTrap: return "trap";
    case Code::kInternal: return "internal";
  }
  return "unknown";
}

std::string Error::to_string() const {
  std::string out;
  if (position_) {
    out += position_->file + ":" + std::to_string(position_->line) + ":" + std::to_string(position_->column) +
           ": ";
  }
  out += message_;
  out += " (";
  out += code_name(code_);
  out += ")";
  if (!detail_.empty()) {
    out += "\n";
    out += detail_;
  }
  return out;
}

}  // namespace berth
