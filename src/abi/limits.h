// Hard maxima of the abi room.
#pragma once

#include <cstdint>

namespace berth::abi {

// Bytes the host may allocate while lifting one call. A guest can point many list elements at the
// same string, so its own memory limit does not bound what a lift copies. 128 MiB is twice the
// default limit of a guest's memory.
inline constexpr std::uint64_t kMaxLiftedBytes = 128ull << 20;

// Host objects (resources) alive in one instance. A guest that leaks handles in a loop hits this
// long before the host's memory suffers, and 65,536 open objects is above any honest guest seen.
inline constexpr std::uint32_t kMaxResources = 65'536;

// Describe text of a component that the shape parser accepts. The largest seen (a StarlingMonkey
// guest with every WASI interface) is 70 KB.
inline constexpr std::uint64_t kMaxDescribeBytes = 16ull << 20;

}  // namespace berth::abi
