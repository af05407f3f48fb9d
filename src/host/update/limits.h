// The hard maxima of updates, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace berth::host {

// The first wait after a failure that may pass.
inline constexpr std::chrono::milliseconds kFirstRetry{1'000};
// A registry may ask for patience; one that asks for more than this is not believed.
inline constexpr std::chrono::milliseconds kMaxRetryAfter{std::chrono::hours{1}};

// How often a candidate, or a version that was just published, is looked at: what a bad one lives longer
// than it must. One look reads some sixty counters.
inline constexpr std::chrono::milliseconds kWatchTick{50};

// Calls in one slice of the comparison of times. Of fewer, the slowest single call is the 99th percentile.
inline constexpr std::uint64_t kSliceCalls = 100;
// Slices in a row that must be too slow: the first calls of a version make its instances, and one pause
// of the machine is in one slice.
inline constexpr std::uint32_t kSlowSlices = 3;

// How long an operator's request waits for a step that runs: fetching and compiling take seconds.
inline constexpr std::chrono::seconds kOperatorWait{60};

// Digests that are shut out. The oldest goes first: by then the source has long moved on.
inline constexpr std::size_t kMaxShutOut = 100;
// Imports named in a message; the status has all of them.
inline constexpr std::size_t kShownImports = 5;

}  // namespace berth::host
