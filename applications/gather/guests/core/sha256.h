// SHA-256 (FIPS 180-4), for names that are told apart but not told.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace gather {

// The first 12 hexadecimal digits.
inline std::string short_hash(std::string_view text) {
  static constexpr auto kRound = [] {
    // The first 32 bits of the fractions of the cube roots of the first 64 primes, and of the square roots of
    // the first 8.
    struct {
      std::array<std::uint32_t, 64> k{};
      std::array<std::uint32_t, 8> h{};
    } out;
    const auto root = [](std::uint64_t prime, int degree) {
      // floor(prime^(1/degree) * 2^32), bit by bit.
      using Wide = unsigned __int128;
      Wide at = 0;
      for (int bit = 36; bit >= 0; --bit) {
        const Wide next = at | Wide{1} << bit;
        if (degree == 2 ? next * next <= Wide{prime} << 64 : next * next * next <= Wide{prime} << 96)
          at = next;
      }
      return static_cast<std::uint32_t>(at);
    };
    int found = 0;
    for (std::uint64_t n = 2; found < 64; ++n) {
      bool prime = true;
      for (std::uint64_t d = 2; d * d <= n; ++d) prime = prime && n % d != 0;
      if (!prime) continue;
      if (found < 8) out.h[found] = root(n, 2);
      out.k[found++] = root(n, 3);
    }
    return out;
  }();
  std::string data(text);
  data += '\x80';
  while (data.size() % 64 != 56) data += '\0';
  for (int shift = 56; shift >= 0; shift -= 8)
    data += static_cast<char>(std::uint64_t{text.size()} * 8 >> shift);
  auto h = kRound.h;
  for (std::size_t block = 0; block < data.size(); block += 64) {
    std::array<std::uint32_t, 64> w{};
    for (std::size_t i = 0; i < 64; ++i)
      w[i / 4] = w[i / 4] << 8 | static_cast<std::uint8_t>(data[block + i]);
    for (std::size_t i = 16; i < 64; ++i) {
      const auto a = w[i - 15], b = w[i - 2];
      w[i] = w[i - 16] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ a >> 3) + w[i - 7] +
             (std::rotr(b, 17) ^ std::rotr(b, 19) ^ b >> 10);
    }
    auto v = h;
    for (std::size_t i = 0; i < 64; ++i) {
      const auto t1 = v[7] + (std::rotr(v[4], 6) ^ std::rotr(v[4], 11) ^ std::rotr(v[4], 25)) +
                      ((v[4] & v[5]) ^ (~v[4] & v[6])) + kRound.k[i] + w[i];
      const auto t2 = (std::rotr(v[0], 2) ^ std::rotr(v[0], 13) ^ std::rotr(v[0], 22)) +
                      ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
      v = {t1 + t2, v[0], v[1], v[2], v[3] + t1, v[4], v[5], v[6]};
    }
    for (std::size_t i = 0; i < 8; ++i) h[i] += v[i];
  }
  std::string out;
  for (int digit = 0; digit < 12; ++digit)
    out += "0123456789abcdef"[h[digit / 8] >> (28 - digit % 8 * 4) & 15];
  return out;
}

}  // namespace gather
