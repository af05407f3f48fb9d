// What berth:state/store alone promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/statestore/cases.h"

namespace berth::statestore::conformance {
namespace {

using Refusal = StoreError::Kind;

// The refusal, or nothing when there was none.
template <class T>
std::optional<Refusal> refusal(const std::expected<T, StoreError>& answer) {
  return answer ? std::nullopt : std::optional(answer.error().kind);
}

void missing_is_none(Subject& s) {
  EXPECT_EQ(s.get("none"), std::nullopt);
  s.remove("none");
}

// The three cases that started this: an experiment elsewhere failed at each of them.
void set_with_etag_then_get(Subject& s) {
  const std::string first = s.set("a", "1");
  const auto second = s.try_set({.key = "a", .value = "2", .condition = if_etag(first)});
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_NE(*second, first);
  EXPECT_EQ(s.get("a"), (Entry{{'2'}, *second, {}}));
}

void set_and_get_a_second_key(Subject& s) {
  s.set("a", "1");
  const std::string etag = s.set("b", "2");
  EXPECT_EQ(s.get("b"), (Entry{{'2'}, etag, {}}));
  EXPECT_EQ(text_of(s.get("a")), "1");
}

void delete_the_first(Subject& s) {
  s.set("a", "1");
  s.set("b", "2");
  s.remove("a");
  EXPECT_EQ(s.get("a"), std::nullopt);
  EXPECT_EQ(text_of(s.get("b")), "2");
}

void empty_value_exists(Subject& s) {
  const std::string etag = s.set("a", "");
  EXPECT_EQ(s.get("a"), (Entry{{}, etag, {}}));
  EXPECT_EQ(refusal(s.try_set({.key = "a", .value = "x", .condition = kIfAbsent})), Refusal::kEtagMismatch);
}

void every_byte(Subject& s) {
  std::string value;
  for (int i = 0; i < 512; ++i) value += static_cast<char>(i);
  s.set("a", value);
  EXPECT_EQ(text_of(s.get("a")), value);
}

void large_values(Subject& s) {
  std::string value(std::size_t{4} << 20, 'x');
  value.back() = 'y';
  s.set("a", value);
  EXPECT_TRUE(text_of(s.get("a")) == value);
  value.resize(std::size_t{1} << 20);
  s.set("a", value);
  EXPECT_TRUE(text_of(s.get("a")) == value);
}

void weird_keys(Subject& s) {
  using namespace std::string_literals;
  const std::string keys[] = {"||",
                              "app||key",
                              " ",
                              "a b",
                              "a\nb",
                              "\0"s,
                              "a\0b"s,
                              "%2f",
                              "../",
                              "'; --",
                              "\"",
                              "\\",
                              "*",
                              "ключ",
                              "\U0001d11e",
                              "é",
                              "e\u0301",
                              "A",
                              "a",
                              "[x]",
                              "__proto__",
                              "constructor",
                              "hasOwnProperty",
                              std::string(4096, 'k')};
  std::set<std::string> etags;
  for (const std::string& key : keys) etags.insert(s.set(key, key));
  EXPECT_EQ(etags.size(), std::size(keys));
  for (const std::string& key : keys) EXPECT_EQ(text_of(s.get(key)), key);
  for (const std::string& key : keys) s.remove(key);
  for (const std::string& key : keys) EXPECT_EQ(s.get(key), std::nullopt) << key;
}

void last_write_wins(Subject& s) {
  const std::string first = s.set("a", "1");
  EXPECT_NE(s.set("a", "2"), first);
  EXPECT_EQ(text_of(s.get("a")), "2");
}

void first_write_wins(Subject& s) {
  EXPECT_TRUE(s.try_set({.key = "a", .value = "1", .condition = kIfAbsent}));
  EXPECT_EQ(refusal(s.try_set({.key = "a", .value = "2", .condition = kIfAbsent})), Refusal::kEtagMismatch);
  EXPECT_EQ(text_of(s.get("a")), "1");
  s.remove("a");
  EXPECT_TRUE(s.try_set({.key = "a", .value = "3", .condition = kIfAbsent}));
}

void old_etag_is_a_mismatch(Subject& s) {
  const std::string old = s.set("a", "1");
  const std::string now = s.set("a", "2");
  EXPECT_EQ(refusal(s.try_set({.key = "a", .value = "3", .condition = if_etag(old)})),
            Refusal::kEtagMismatch);
  EXPECT_EQ(refusal(s.try_remove({.key = "a", .condition = if_etag(old)})), Refusal::kEtagMismatch);
  EXPECT_EQ(s.get("a"), (Entry{{'2'}, now, {}}));
}

void etag_of_another_entry_is_a_mismatch(Subject& s) {
  s.set("a", "1");
  const std::string other = s.set("b", "2");
  EXPECT_EQ(refusal(s.try_set({.key = "a", .value = "3", .condition = if_etag(other)})),
            Refusal::kEtagMismatch);
  EXPECT_EQ(text_of(s.get("a")), "1");
}

void etag_without_entry_is_a_mismatch(Subject& s) {
  const std::string old = s.set("a", "1");
  s.remove("a");
  EXPECT_EQ(refusal(s.try_set({.key = "a", .value = "2", .condition = if_etag(old)})),
            Refusal::kEtagMismatch);
  EXPECT_EQ(refusal(s.try_remove({.key = "a", .condition = if_etag(old)})), Refusal::kEtagMismatch);
  EXPECT_EQ(s.get("a"), std::nullopt);
}

// A store may not be able to tell them from old ones.
void no_etag_at_all(Subject& s) {
  s.set("a", "1");
  for (const char* etag : {"", "no etag", "-1", "1 ", "0x1", "01"}) {
    const auto kind = refusal(s.try_set({.key = "a", .value = "2", .condition = if_etag(etag)}));
    EXPECT_TRUE(kind == Refusal::kEtagInvalid || kind == Refusal::kEtagMismatch) << etag;
    EXPECT_EQ(refusal(s.try_remove({.key = "a", .condition = if_etag(etag)})), kind) << etag;
  }
  EXPECT_EQ(text_of(s.get("a")), "1");
}

void conditional_deletes(Subject& s) {
  EXPECT_TRUE(s.try_remove({.key = "a", .condition = kIfAbsent}));
  const std::string etag = s.set("a", "1");
  EXPECT_EQ(refusal(s.try_remove({.key = "a", .condition = kIfAbsent})), Refusal::kEtagMismatch);
  EXPECT_EQ(text_of(s.get("a")), "1");
  EXPECT_TRUE(s.try_remove({.key = "a", .condition = if_etag(etag)}));
  EXPECT_EQ(s.get("a"), std::nullopt);
}

void etags_never_repeat(Subject& s) {
  std::set<std::string> etags;
  int writes = 0;
  for (int round = 0; round < 4; ++round) {
    etags.insert(s.set("a", "same"));
    etags.insert(s.set("a", "same"));
    etags.insert(s.set("b", "same"));
    s.remove("a");
    writes += 3;
    if (s.features().expiry) {
      etags.insert(s.set("a", "same", kNow));
      ++writes;
    }
    s.replace();
  }
  EXPECT_EQ(etags.size(), static_cast<std::size_t>(writes));
}

// Memory is given back: many times what the limit allows.
void writes_again_and_again(Subject& s) {
  const std::string value(std::size_t{256} << 10, 'v');
  for (int i = 0; i < 1'000; ++i) s.set("k" + std::to_string(i % 8), value);
  const int reads = s.kind().frees_results ? 1'000 : 50;
  for (int i = 0; i < reads; ++i) ASSERT_TRUE(s.get("k" + std::to_string(i % 8)));
  for (int i = 0; i < 20'000; ++i) s.set("small" + std::to_string(i % 100), "value");
  EXPECT_EQ(text_of(s.get("small99")), "value");
}

constexpr Case kCases[] = {
    {"MissingIsNone", missing_is_none},
    {"SetWithEtagThenGet", set_with_etag_then_get},
    {"SetAndGetASecondKey", set_and_get_a_second_key},
    {"DeleteTheFirst", delete_the_first},
    {"EmptyValueExists", empty_value_exists},
    {"EveryByte", every_byte},
    {"LargeValues", large_values},
    {"WeirdKeys", weird_keys},
    {"LastWriteWins", last_write_wins},
    {"FirstWriteWins", first_write_wins},
    {"OldEtagIsAMismatch", old_etag_is_a_mismatch},
    {"EtagOfAnotherEntryIsAMismatch", etag_of_another_entry_is_a_mismatch},
    {"EtagWithoutEntryIsAMismatch", etag_without_entry_is_a_mismatch},
    {"NoEtagAtAll", no_etag_at_all},
    {"ConditionalDeletes", conditional_deletes},
    {"EtagsNeverRepeat", etags_never_repeat},
    {"WritesAgainAndAgain", writes_again_and_again},
};

}  // namespace

std::span<const Case> entry_cases() { return kCases; }

}  // namespace berth::statestore::conformance
