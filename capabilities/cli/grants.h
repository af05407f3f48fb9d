// cli_streams: what every guest has without asking: standard streams, an empty environment, exit.
#pragma once

#include <memory>

#include "capabilities/grants/services.h"
#include "host/capability.h"

namespace berth::cli_streams {

// wasi:cli and wasi:io. Its standard input is empty, its environment and arguments are those of the
// WasiSettings (empty unless the program adds to them), and its output goes to the log.
[[nodiscard]] std::shared_ptr<const host::Grant> base_grant(const grants::Services& services);
// What it covers.
[[nodiscard]] bool base_covers(std::string_view interface);

}  // namespace berth::cli_streams
