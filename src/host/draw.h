// Drawing: numbers from a counter or from a key, to take a share of the calls.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace berth::host {

// For a counter: of any run of consecutive numbers the draws below a bound are its share, within a call or
// two, and so are those of every second or third. (Multiples of the golden ratio: Weyl's sequence.)
[[nodiscard]] constexpr std::uint32_t spread(std::uint64_t number) {
  return static_cast<std::uint32_t>(number * 0x9E3779B97F4A7C15 >> 32);
}

// For a key: the same number gives the same draw, and numbers that are alike give draws that are not.
// (The finalizer of SplitMix64: each bit of the number changes each bit of the draw half the time.)
[[nodiscard]] constexpr std::uint32_t draw(std::uint64_t number) {
  number += 0x9E3779B97F4A7C15;
  number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9;
  number = (number ^ number >> 27) * 0x94D049BB133111EB;
  return static_cast<std::uint32_t>((number ^ number >> 31) >> 32);
}

// Draws below this are `share` (0 to 1) of all.
[[nodiscard]] inline std::uint64_t share_of_draws(double share) {
  return static_cast<std::uint64_t>(std::llround(std::ldexp(std::clamp(share, 0.0, 1.0), 32)));
}

}  // namespace berth::host
