// The status of a host on the control socket: made by `up`, shown by `status`.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "cli/control.h"
#include "host/status.h"
#include "host/update/status.h"

namespace berth::cli {

[[nodiscard]] Json to_json(const host::WorkloadStatus& status);
[[nodiscard]] Json to_json(const host::SwapReport& report);
// What belongs under "update" of a workload.
[[nodiscard]] Json to_json(const host::UpdateStatus& status);

// A table and what went wrong last, from the answer to "status".
[[nodiscard]] std::string status_text(const Json& answer);
// "store: update held since ..., candidate sha256:1234, next look at ...: it imports ...": one line from what
// to_json made of an UpdateStatus.
[[nodiscard]] std::string update_text(std::string_view workload, const Json& update);
// What a record says, from the answer to "history".
[[nodiscard]] std::string history_text(const Json& answer);
// "swapped sha256:1234 -> sha256:5678, calls held back for 1.2 ms, 2 KiB of state handed over"
[[nodiscard]] std::string swap_text(const Json& report);
// "2026-01-31T10:00:00Z"
[[nodiscard]] std::string time_text(std::chrono::system_clock::time_point time);
// The first digits of a digest: enough to tell versions apart.
[[nodiscard]] std::string short_digest(std::string_view digest);

}  // namespace berth::cli
