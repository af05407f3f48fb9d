// What the program's exit code says; docs/reference/cli.md shows the same table.
#pragma once

#include <cstdint>

#include "base/error.h"

namespace berth::cli {

enum ExitCode : int {
  kOk = 0,
  kFailure = 1,        // it did not work, and no other line fits
  kUsage = 2,          // the command line is wrong
  kBadInput = 3,       // a manifest, a component or another file is wrong
  kUnreachable = 4,    // no host answers on the control socket
  kRefused = 5,        // refused: no grant, wrong state, already running, busy
  kTrapped = 134,      // run: the guest trapped (what a shell shows for an aborted program)
  kInterrupted = 130,  // run: stopped by Ctrl-C
};

[[nodiscard]] constexpr ExitCode exit_code(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
    case Code::kNotFound: return kBadInput;
    case Code::kPermissionDenied:
    case Code::kFailedPrecondition:
    case Code::kAlreadyExists:
    case Code::kBusy: return kRefused;
    default: return kFailure;
  }
}

}  // namespace berth::cli
