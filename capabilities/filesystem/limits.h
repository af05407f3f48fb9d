// Hard maxima of the filesystem grant.
#pragma once

#include <cstddef>

namespace berth::filesystem {

// Directories of one workload. Each is opened for each instance: 64 opens are about 0.1 ms.
inline constexpr std::size_t kMaxDirectories = 64;
// PATH_MAX of Linux, less its terminating zero.
inline constexpr std::size_t kMaxPathBytes = 4095;

}  // namespace berth::filesystem
