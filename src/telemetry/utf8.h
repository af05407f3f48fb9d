// One UTF-8 character at a time, for text that may be anything.
#pragma once

#include <cstddef>
#include <string_view>

namespace berth::telemetry {

struct Utf8Char {
  char32_t value = 0;      // meaningful when valid
  std::size_t length = 1;  // bytes to skip: 1 for an invalid byte
  bool valid = false;
};

// Decodes the first character of a non-empty `text`; refuses overlong forms, surrogates and values
// past U+10FFFF, as Unicode table 3-7 does.
[[nodiscard]] inline Utf8Char decode_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1, true};
  std::size_t length = 0;
  char32_t value = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  if (first >= 0xc2 && first <= 0xdf) {
    length = 2, value = first & 0x1f;
  } else if (first >= 0xe0 && first <= 0xef) {
    length = 3, value = first & 0x0f;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
  } else if (first >= 0xf0 && first <= 0xf4) {
    length = 4, value = first & 0x07;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
  } else {
    return {};
  }
  if (text.size() < length) return {};
  for (std::size_t i = 1; i < length; ++i) {
    const unsigned char next = byte(i);
    if (next < low || next > high) return {};
    low = 0x80, high = 0xbf;
    value = (value << 6) | (next & 0x3f);
  }
  return {value, length, true};
}

}  // namespace berth::telemetry
