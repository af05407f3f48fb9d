// The hard maxima of this room, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace berth::host {

// Versions of one workload alive at once: the current one and those still draining. One slot of the
// version table each. More means that swaps come faster than calls end; the next swap is refused.
inline constexpr std::uint32_t kMaxLiveVersions = 64;

// Calls of one workload at once. Each has a slot (64 bytes) in every live version.
inline constexpr std::uint32_t kMaxConcurrentCalls = 65'536;

// Callers waiting for one workload. A waiting caller is a coroutine frame or a thread; a longer
// queue only turns overload into timeouts.
inline constexpr std::uint32_t kMaxQueue = 1'000'000;

// State handed over in a swap: it is in memory three times for a moment (both guests and the host).
inline constexpr std::size_t kMaxHandoverBytes = std::size_t{256} << 20;

// After a drain deadline the remaining calls are cancelled; this long they have to end before the
// workload's stop is reported as incomplete.
inline constexpr std::chrono::seconds kCancelGrace{5};

// How often the deadlines of calls that wait in host functions are looked at. It is what such a call
// may overshoot; one look at 10,000 calls takes some 10 us.
inline constexpr std::chrono::milliseconds kDeadlineScan{5};

}  // namespace berth::host
