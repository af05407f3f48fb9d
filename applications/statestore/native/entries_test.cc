// Tests of the guest's entries, run natively: conditions, versions, room and the hand-over format.
#include "applications/statestore/guests/store/entries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <random>
#include <vector>

namespace memory {
namespace {

using testing::HasSubstr;
using Kind = Condition::Kind;

bool always_room(std::span<const std::size_t>) { return true; }

Buffer bytes(std::string_view text) { return Buffer::copy(text); }

std::vector<std::uint8_t> saved(const Entries& entries) {
  std::vector<std::uint8_t> out(entries.saved_bytes());
  entries.save(out.data());
  return out;
}

// For a change that the checksum should not be the one to find.
void fix_checksum(std::vector<std::uint8_t>& state) {
  std::uint64_t hash = 0xcbf29ce484222325;
  std::size_t at = 32;
  for (; at + 8 <= state.size(); at += 8) {
    std::uint64_t word;
    memcpy(&word, state.data() + at, 8);
    hash = (hash ^ word) * 0x100000001b3;
  }
  for (; at < state.size(); ++at) hash = (hash ^ state[at]) * 0x100000001b3;
  const auto sum = static_cast<std::uint32_t>(hash ^ (hash >> 32));
  memcpy(state.data() + 12, &sum, 4);
}

TEST(Entries, LastWriteWinsAndEveryWriteHasItsOwnVersion) {
  Entries e(always_room);
  EXPECT_EQ(e.get("a"), nullptr);
  EXPECT_EQ(e.set("a", bytes("1"), {}), 1U);
  EXPECT_EQ(e.set("b", bytes(""), {}), 2U);
  EXPECT_EQ(e.set("a", bytes("2"), {}), 3U);
  EXPECT_EQ(e.get("a")->bytes.view(), "2");
  EXPECT_EQ(e.get("a")->version, 3U);
  EXPECT_EQ(e.get("b")->bytes.view(), "");
  EXPECT_TRUE(e.remove("a", {}));
  EXPECT_TRUE(e.remove("a", {}));
  EXPECT_EQ(e.get("a"), nullptr);
  EXPECT_EQ(e.set("a", bytes("3"), {}), 4U);  // not 1 again: an old ETag must stay wrong
}

TEST(Entries, ConditionsAreChecked) {
  Entries e(always_room);
  EXPECT_EQ(e.set("a", bytes("x"), {Kind::kIfEtag, "1"}).error(), Refusal::kMismatch);
  EXPECT_EQ(e.set("a", bytes("x"), {Kind::kIfAbsent, {}}), 1U);
  EXPECT_EQ(e.set("a", bytes("y"), {Kind::kIfAbsent, {}}).error(), Refusal::kMismatch);
  EXPECT_EQ(e.set("a", bytes("y"), {Kind::kIfEtag, "2"}).error(), Refusal::kMismatch);
  EXPECT_EQ(e.get("a")->bytes.view(), "x");
  EXPECT_EQ(e.set("a", bytes("y"), {Kind::kIfEtag, "1"}), 2U);
  EXPECT_EQ(e.remove("a", {Kind::kIfAbsent, {}}).error(), Refusal::kMismatch);
  EXPECT_EQ(e.remove("a", {Kind::kIfEtag, "1"}).error(), Refusal::kMismatch);
  EXPECT_TRUE(e.remove("a", {Kind::kIfEtag, "2"}));
  EXPECT_EQ(e.remove("a", {Kind::kIfEtag, "2"}).error(), Refusal::kMismatch);
  EXPECT_TRUE(e.remove("a", {Kind::kIfAbsent, {}}));
}

TEST(Entries, WhatWasNeverAnEtagIsInvalid) {
  Entries e(always_room);
  ASSERT_TRUE(e.set("a", bytes("x"), {}));
  for (const std::string_view etag :
       {"", "0", "01", "+1", "-1", " 1", "1 ", "x", "1.0", "18446744073709551616", "99999999999999999999",
        "111111111111111111111"}) {
    EXPECT_EQ(e.set("a", bytes("y"), {Kind::kIfEtag, etag}).error(), Refusal::kInvalid) << etag;
    EXPECT_EQ(e.remove("a", {Kind::kIfEtag, etag}).error(), Refusal::kInvalid) << etag;
  }
  EXPECT_EQ(e.set("a", bytes("y"), {Kind::kIfEtag, "18446744073709551615"}).error(), Refusal::kMismatch);
}

TEST(Entries, BehaveLikeAModelAndHandOverAtAnyTime) {
  std::mt19937 random(11);
  auto e = std::make_unique<Entries>(always_room);
  std::map<std::string, std::pair<std::string, std::uint64_t>> model;
  std::uint64_t version = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string key = "key" + std::to_string(random() % 50) + std::string(random() % 3 * 20, 'k');
    const std::string value(random() % 200, static_cast<char>('a' + random() % 26));
    const auto at = model.find(key);
    const std::string etag =
        std::to_string(random() % 4 == 0 || at == model.end() ? version : at->second.second);
    const Condition condition{static_cast<Kind>(random() % 3), etag};
    const bool holds =
        condition.kind == Kind::kAlways || (condition.kind == Kind::kIfAbsent && at == model.end()) ||
        (condition.kind == Kind::kIfEtag && at != model.end() && std::to_string(at->second.second) == etag);
    if (random() % 3 != 0) {
      if (condition.kind == Kind::kIfEtag && version == 0) continue;  // "0" is no ETag
      const auto done = e->set(key, bytes(value), condition);
      ASSERT_EQ(done.has_value(), holds);
      if (holds) model[key] = {value, ++version};
      if (holds) ASSERT_EQ(*done, version);
    } else {
      if (condition.kind == Kind::kIfEtag && version == 0) continue;
      ASSERT_EQ(e->remove(key, condition).has_value(), holds);
      if (holds) model.erase(key);
    }
    if (random() % 100 == 0) {
      const auto state = saved(*e);
      auto next = std::make_unique<Entries>(always_room);
      ASSERT_TRUE(next->restore(state.data(), state.size()));
      EXPECT_EQ(next->saved_bytes(), e->saved_bytes());
      e = std::move(next);
    }
    ASSERT_EQ(e->size(), model.size());
  }
  for (const auto& [key, value] : model) {
    ASSERT_NE(e->get(key), nullptr);
    EXPECT_EQ(e->get(key)->bytes.view(), value.first);
    EXPECT_EQ(e->get(key)->version, value.second);
  }
}

// A memory of a fixed size: what the guest's malloc says, made exact.
std::size_t room_left = 0;
bool limited_room(std::span<const std::size_t> blocks) {
  return std::accumulate(blocks.begin(), blocks.end(), std::size_t{0}) <= room_left;
}

TEST(Entries, AWriteWithoutRoomIsRefusedAndChangesNothing) {
  Entries e(limited_room);
  room_left = 2 * kCallReserve;
  ASSERT_TRUE(e.set("a", bytes(std::string(1000, 'x')), {}));
  room_left = kCallReserve;  // nothing left beyond the reserve
  EXPECT_EQ(e.set("b", bytes("y"), {}).error(), Refusal::kFull);
  EXPECT_EQ(e.set("a", bytes(std::string(1001, 'y')), {}).error(), Refusal::kFull);
  EXPECT_EQ(e.get("b"), nullptr);
  EXPECT_EQ(e.get("a")->bytes.view(), std::string(1000, 'x'));
  // What needs no more memory goes on.
  EXPECT_TRUE(e.set("a", bytes(std::string(1000, 'z')), {}));
  EXPECT_TRUE(e.set("a", bytes("short"), {}));
  EXPECT_TRUE(e.remove("a", {}));
}

TEST(Entries, RoomForTheHandOverIsAlwaysKept) {
  Entries e(limited_room);
  std::size_t used = 0;
  const std::string value(10'000, 'v');
  for (int i = 0;; ++i) {
    room_left = 64 * 1024 * 1024 - used;
    const auto done = e.set("key" + std::to_string(i), bytes(value), {});
    if (!done) {
      EXPECT_EQ(done.error(), Refusal::kFull);
      break;
    }
    used += value.size() + 200;
  }
  EXPECT_GT(e.size(), 2000U);
  EXPECT_LE(e.saved_bytes() + kCallReserve, room_left);
}

TEST(Entries, ADamagedStateIsRefusedAndNothingChanges) {
  Entries e(always_room);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(e.set("key" + std::to_string(i), bytes(std::string(i, 'v')), {}));
  const auto good = saved(e);
  Entries other(always_room);
  ASSERT_TRUE(other.set("mine", bytes("x"), {}));
  const auto unchanged = [&] { return other.size() == 1 && other.get("mine") != nullptr; };

  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(other.restore(good.data(), size)) << size;
    auto cut = std::vector<std::uint8_t>(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
    if (size >= 32) fix_checksum(cut);
    EXPECT_FALSE(other.restore(cut.data(), cut.size())) << size;
  }
  ASSERT_TRUE(unchanged());
  std::mt19937 random(3);
  int refused = 0;
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    auto bad = good;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
    // The last version may be anything that is not below an entry's.
    const bool version_bit = bit / 8 >= 16 && bit / 8 < 24;
    if (!version_bit) {
      EXPECT_FALSE(other.restore(bad.data(), bad.size())) << bit;
    }
    fix_checksum(bad);
    Entries scratch(always_room);
    refused += !scratch.restore(bad.data(), bad.size());  // garbage that looks well: must not crash
  }
  EXPECT_GT(refused, 0);
  ASSERT_TRUE(unchanged());

  auto wrong_format = good;
  wrong_format[8] = 2;
  EXPECT_THAT(other.restore(wrong_format.data(), wrong_format.size()).error(), HasSubstr("format"));
  auto longer = good;
  longer.push_back(0);
  fix_checksum(longer);
  EXPECT_THAT(other.restore(longer.data(), longer.size()).error(), HasSubstr("after its last entry"));
  EXPECT_FALSE(other.restore(nullptr, 0));
  EXPECT_TRUE(other.restore(good.data(), good.size()));
  EXPECT_EQ(other.size(), 20U);
}

TEST(Entries, AStateThatDoesNotFitIsRefused) {
  Entries e(always_room);
  ASSERT_TRUE(e.set("a", bytes(std::string(100'000, 'x')), {}));
  const auto state = saved(e);
  Entries small(limited_room);
  room_left = 50'000;
  EXPECT_THAT(small.restore(state.data(), state.size()).error(), HasSubstr("does not fit"));
}

TEST(Entries, AStateWithAKeyTwiceIsRefused) {
  Entries e(always_room);
  ASSERT_TRUE(e.set("a", bytes("x"), {}));
  ASSERT_TRUE(e.set("b", bytes("y"), {}));
  auto state = saved(e);
  for (auto& byte : state) {
    if (byte == 'b' && &byte - state.data() >= 32) byte = 'a';
  }
  fix_checksum(state);
  Entries other(always_room);
  EXPECT_THAT(other.restore(state.data(), state.size()).error(), HasSubstr("twice"));
}

}  // namespace
}  // namespace memory
