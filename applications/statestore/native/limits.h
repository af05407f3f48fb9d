// Hard maximums of the state API, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>

namespace berth::statestore {

// Nesting of a saved JSON value. Deeper ones are made to exhaust a reader's stack.
inline constexpr std::size_t kMaxJsonDepth = 256;
// Items of one save, keys of one bulk get. A request of the largest body of empty items would hold the
// store for seconds.
inline constexpr std::size_t kMaxItems = 10'000;
// A key with its prefix. Longer than any real one; a store keeps each key in memory.
inline constexpr std::size_t kMaxKeyBytes = 4 * 1024;
// How long requests in progress may take when the program ends.
inline constexpr std::chrono::milliseconds kStopDrain{10'000};

}  // namespace berth::statestore
