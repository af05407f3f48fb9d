// Hard maxima of the config grant.
#pragma once

#include <cstddef>

namespace berth::config {

// get-all copies everything into the guest: 1,000 keys and 256 KiB fit the smallest useful memory.
inline constexpr std::size_t kMaxKeys = 1000;
inline constexpr std::size_t kMaxKeyBytes = 256;
inline constexpr std::size_t kMaxTotalBytes = 256 * 1024;

}  // namespace berth::config
