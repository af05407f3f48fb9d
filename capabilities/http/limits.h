// Hard maxima of the http grant.
#pragma once

#include <cstddef>

namespace berth::http {

// Rules of one workload, each with its own hosts and methods. A request tries them in order.
inline constexpr std::size_t kMaxRules = 64;
// A method is a token of RFC 9110; the longest registered one has 17 letters.
inline constexpr std::size_t kMaxMethodBytes = 32;

}  // namespace berth::http
