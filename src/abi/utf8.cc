// UTF-8 validation: blocks of ASCII, and table 3-7 for the rest.
#include "abi/utf8.h"

#include <cstdint>
#include <cstring>

namespace berth::abi {

namespace {

constexpr std::uint64_t kHighBits = 0x8080808080808080ull;

// First byte of p..end that may not be ASCII, in whole blocks.
const unsigned char* skip_ascii(const unsigned char* p, const unsigned char* end) {
  while (end - p >= 32) {
    std::uint64_t w[4];
    std::memcpy(w, p, 32);
    if (((w[0] | w[1] | w[2] | w[3]) & kHighBits) != 0) break;
    p += 32;
  }
  while (end - p >= 8) {
    std::uint64_t w = 0;
    std::memcpy(&w, p, 8);
    if ((w & kHighBits) != 0) break;
    p += 8;
  }
  while (p != end && *p < 0x80) ++p;
  return p;
}

}  // namespace

bool is_utf8(std::string_view text) {
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* end = p + text.size();
  for (;;) {
    p = skip_ascii(p, end);
    if (p == end) return true;
    // A run of non-ASCII characters; back to the blocks after it.
    while (p != end && *p >= 0x80) {
      const unsigned c = *p;
      int more = 0;
      unsigned low = 0x80;
      unsigned high = 0xbf;
      if (c >= 0xc2 && c <= 0xdf) {
        more = 1;
      } else if ((c & 0xf0) == 0xe0) {
        more = 2;
        if (c == 0xe0) low = 0xa0;
        if (c == 0xed) high = 0x9f;
      } else if (c >= 0xf0 && c <= 0xf4) {
        more = 3;
        if (c == 0xf0) low = 0x90;
        if (c == 0xf4) high = 0x8f;
      } else {
        return false;
      }
      if (end - p <= more || p[1] < low || p[1] > high) return false;
      for (int i = 2; i <= more; ++i)
        if ((p[i] & 0xc0) != 0x80) return false;
      p += more + 1;
    }
  }
}

}  // namespace berth::abi
