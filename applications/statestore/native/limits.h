// Hard maximums of the state API, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

namespace berth::statestore {

// Nesting of a saved JSON value. Deeper ones are made to exhaust a reader's stack.
inline constexpr std::size_t kMaxJsonDepth = 256;
// Items of one save, keys of one bulk get. A request of the largest body of empty items would hold the
// store for seconds.
inline constexpr std::size_t kMaxItems = 10'000;
// A key with its prefix. Longer than any real one; a store keeps each key in memory.
inline constexpr std::size_t kMaxKeyBytes = 4 * 1024;
// Names of stores and applications: as long as Kubernetes lets a component's be, roughly.
inline constexpr std::size_t kMaxNameBytes = 100;
// The largest request body unless the trigger says otherwise: Dapr's own default.
inline constexpr std::uint64_t kDefaultMaxBody = std::uint64_t{4} << 20;
// The most a trigger may ask for: a quarter of what a 32-bit guest can address, since a value is in it
// up to four times at once (argument, entry, answer, hand-over).
inline constexpr std::uint64_t kLargestMaxBody = std::uint64_t{1} << 30;

}  // namespace berth::statestore
