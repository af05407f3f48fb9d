// logging binding: berth:logging/logging and wasi:logging/logging over a GuestLog.
#pragma once

#include <memory>
#include <string_view>

#include "capabilities/logging/provider.h"
#include "host/capability.h"

namespace berth::logging {

[[nodiscard]] bool covers(std::string_view interface);
[[nodiscard]] std::shared_ptr<const host::Grant> grant(std::shared_ptr<GuestLog> log);

}  // namespace berth::logging
