// UTF-8 validation against the definition, for every code point and every short malformed form.
#include "abi/utf8.h"

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

namespace berth::abi {
namespace {

// Encodes without any check, in `length` bytes: also overlong forms and surrogates.
std::string encode(std::uint32_t c, int length) {
  if (length == 1) return {static_cast<char>(c)};
  static constexpr unsigned kLead[] = {0, 0, 0xc0, 0xe0, 0xf0, 0xf8};
  std::string out(static_cast<std::size_t>(length), '\0');
  for (int i = length - 1; i > 0; --i, c >>= 6)
    out[static_cast<std::size_t>(i)] = static_cast<char>(0x80 | (c & 0x3f));
  out[0] = static_cast<char>(kLead[length] | c);
  return out;
}
int shortest(std::uint32_t c) { return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4; }

TEST(Utf8, EveryCodePoint) {
  for (std::uint32_t c = 0; c <= 0x1fffff; ++c) {
    const bool scalar = c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);
    ASSERT_EQ(is_utf8(encode(c, shortest(c))), scalar) << std::hex << c;
  }
}

TEST(Utf8, OverlongForms) {
  for (std::uint32_t c = 0; c < 0x10000; ++c)
    for (int length = shortest(c) + 1; length <= 4; ++length)
      ASSERT_FALSE(is_utf8(encode(c, length))) << std::hex << c;
}

TEST(Utf8, TruncatedAndStrayBytes) {
  for (const std::uint32_t c : {0x80u, 0x7ffu, 0x800u, 0xffffu, 0x10000u, 0x10ffffu}) {
    const std::string whole = encode(c, shortest(c));
    for (std::size_t n = 1; n < whole.size(); ++n) {
      EXPECT_FALSE(is_utf8(whole.substr(0, n)));
      EXPECT_FALSE(is_utf8(whole.substr(0, n) + "abcdef"));
      EXPECT_FALSE(is_utf8(whole.substr(n)));
    }
  }
  for (int b = 0x80; b < 0x100; ++b) EXPECT_FALSE(is_utf8(std::string(1, static_cast<char>(b))));
}

TEST(Utf8, AtEveryOffsetOfABlock) {
  for (std::size_t n = 0; n < 80; ++n) {
    for (std::size_t at = 0; at <= n; ++at) {
      std::string s(n, 'x');
      s.insert(at, "\xe2\x82\xac");
      ASSERT_TRUE(is_utf8(s));
      s[at + 1] = 'x';
      ASSERT_FALSE(is_utf8(s));
    }
  }
  EXPECT_TRUE(is_utf8(""));
}

}  // namespace
}  // namespace berth::abi
