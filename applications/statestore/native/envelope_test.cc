// The envelope of guests/keyvalue-store: its format, and what is none.
#include "applications/statestore/guests/keyvalue-store/envelope.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace keyvalue_store {
namespace {

std::vector<std::uint8_t> bytes(std::string_view text) { return {text.begin(), text.end()}; }

TEST(Envelope, KeepsAnEntry) {
  for (const std::string& value : {std::string(), std::string("x"), std::string("\0\1\2", 3)}) {
    const auto kept = encode({.etag = 0x0123456789abcdef, .expires = 1000}, bytes(value));
    EXPECT_EQ(kept.size(), kHeaderBytes + value.size());
    const auto read = decode(kept);
    ASSERT_TRUE(read && read->header);
    EXPECT_EQ(read->header->etag, 0x0123456789abcdefU);
    EXPECT_EQ(read->header->expires, 1000U);
    EXPECT_EQ(std::vector<std::uint8_t>(read->value.begin(), read->value.end()), bytes(value));
  }
}

TEST(Envelope, IsAFormatThatStays) {
  const std::vector<std::uint8_t> kept = {1, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 'v'};
  EXPECT_EQ(encode({.etag = 1, .expires = 2}, bytes("v")), kept);
  const auto deletion = decode(kDeletion);
  ASSERT_TRUE(deletion);
  EXPECT_FALSE(deletion->header);
}

TEST(Envelope, WhatIsNoneIsSeen) {
  for (const std::string& text :
       {std::string(), std::string("\1"), std::string(17, '\2'), std::string(17, '\3'), std::string(16, '\1'),
        std::string("{\"a\": \"some JSON of somebody else\"}"), std::string("\2\2", 2)})
    EXPECT_FALSE(decode(bytes(text))) << text;
}

TEST(Envelope, ETagsAreTexts) {
  for (const std::uint64_t etag :
       {std::uint64_t{0}, std::uint64_t{1}, UINT64_MAX, std::uint64_t{0xfedcba9876543210}})
    EXPECT_EQ(parse_etag(etag_text(etag)), etag);
  for (const char* text : {"", "01", "-1", "+1", "1 ", " 1", "1x", "18446744073709551616", "bad-etag"})
    EXPECT_FALSE(parse_etag(text)) << text;
}

TEST(Envelope, PlacesAreTexts) {
  const Place places[] = {{std::nullopt, {}},
                          {"cursor", {}},
                          {"", {7}},
                          {"+1:x", {0, 1, UINT64_MAX}},
                          {std::nullopt, std::vector<std::uint64_t>(1000, 0xabcdef)}};
  for (const Place& place : places) {
    const auto read = parse_place(to_text(place));
    ASSERT_TRUE(read) << to_text(place);
    EXPECT_EQ(read->cursor, place.cursor);
    EXPECT_EQ(read->given, place.given);
  }
  for (const char* text :
       {"0", "000000000000000", "000000000000000g", "00000000000000000", "-00000000000000f", "x+y"})
    EXPECT_FALSE(parse_place(text)) << text;
  EXPECT_NE(hash("a"), hash("b"));
}

}  // namespace
}  // namespace keyvalue_store
