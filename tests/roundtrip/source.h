// Source: where random values come from.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace berth::roundtrip {

// What a guest can hold in its 64-bit integers.
enum class Integers : std::uint8_t { kExact, kUpTo53Bits };

// One seed, one sequence.
// One thread at a time.
class Source final {
 public:
  Source(std::uint64_t seed, Integers integers) : state_(seed), integers_(integers) {}

  // splitmix64.
  std::uint64_t bits() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t n) { return bits() % n; }
  template <class T, std::size_t N>
  T pick(const std::array<T, N>& values) {
    return values[below(N)];
  }
  [[nodiscard]] Integers integers() const { return integers_; }

  // Short, often empty, now and then long; shorter inside of other lists.
  std::size_t length() {
    if (lists_ > 1) return below(3);
    if (lists_ == 1) return below(4);
    const std::uint64_t kind = below(256);
    if (kind == 0) return below(3'000);
    if (kind < 6) return below(100);
    return below(7);
  }
  void enter_list() { ++lists_; }
  void leave_list() { --lists_; }

 private:
  std::uint64_t state_;
  Integers integers_;
  int lists_ = 0;
};

}  // namespace berth::roundtrip
