// Hard maximums of the state API, each with its reason.
#pragma once

#include <chrono>
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
// Seconds until an entry expires: those of 1,000 years. More is a mistake, and would not fit somewhere.
inline constexpr std::uint64_t kMaxTtlSeconds = std::uint64_t{1000} * 365 * 24 * 3600;
// The last second of the year 9999, since 1970: dates have four digits.
inline constexpr std::uint64_t kMaxTime = 253'402'300'799;
// Operators and levels of a query's filter. Each entry is looked at with all of them.
inline constexpr std::size_t kMaxFilterDepth = 16;
inline constexpr std::size_t kMaxFilterTerms = 256;
// Entries asked for at once by a query, and what all that match may hold: they are sorted in memory.
inline constexpr std::uint32_t kScanEntries = 1'000;
inline constexpr std::size_t kMaxQueryBytes = std::size_t{64} << 20;
// How often expired entries are taken out of a store. They are never seen, whatever it is.
inline constexpr std::chrono::seconds kPurgeEvery{60};
// Names of stores and applications: as long as Kubernetes lets a component's be, roughly.
inline constexpr std::size_t kMaxNameBytes = 100;
// The largest request body unless the trigger says otherwise: Dapr's own default.
inline constexpr std::uint64_t kDefaultMaxBody = std::uint64_t{4} << 20;
// The most a trigger may ask for: a quarter of what a 32-bit guest can address, since a value is in it
// up to four times at once (argument, entry, answer, hand-over).
inline constexpr std::uint64_t kLargestMaxBody = std::uint64_t{1} << 30;

}  // namespace berth::statestore
