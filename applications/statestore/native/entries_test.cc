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

// At one moment, unless `now` is moved.
class Book final : public Entries {
 public:
  using Entries::Entries;
  [[nodiscard]] const Value* get(std::string_view key) const { return Entries::get(now, key); }
  auto set(std::string_view key, Buffer value, const Condition& condition, Time expires = kNever) {
    return Entries::set(now, key, std::move(value), condition, expires);
  }
  auto remove(std::string_view key, const Condition& condition) {
    return Entries::remove(now, key, condition);
  }
  [[nodiscard]] std::vector<std::string> keys(std::string_view prefix,
                                              std::optional<std::string_view> after = {}) const {
    std::vector<std::string> out;
    scan(now, prefix, after, [&](std::string_view key, const Value&) {
      out.emplace_back(key);
      return true;
    });
    return out;
  }
  Time now = 1000;
};

TEST(Entries, LastWriteWinsAndEveryWriteHasItsOwnVersion) {
  Book e(always_room);
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
  Book e(always_room);
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
  Book e(always_room);
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
  auto e = std::make_unique<Book>(always_room);
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
      auto next = std::make_unique<Book>(always_room);
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
  Book e(limited_room);
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
  Book e(limited_room);
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
  Book e(always_room);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(e.set("key" + std::to_string(i), bytes(std::string(i, 'v')), {}));
  const auto good = saved(e);
  Book other(always_room);
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
    Book scratch(always_room);
    refused += !scratch.restore(bad.data(), bad.size());  // garbage that looks well: must not crash
  }
  EXPECT_GT(refused, 0);
  ASSERT_TRUE(unchanged());

  auto wrong_format = good;
  wrong_format[8] = 1;
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
  Book e(always_room);
  ASSERT_TRUE(e.set("a", bytes(std::string(100'000, 'x')), {}));
  const auto state = saved(e);
  Book small(limited_room);
  room_left = 50'000;
  EXPECT_THAT(small.restore(state.data(), state.size()).error(), HasSubstr("does not fit"));
}

TEST(Entries, AStateWithAKeyTwiceIsRefused) {
  Book e(always_room);
  ASSERT_TRUE(e.set("a", bytes("x"), {}));
  ASSERT_TRUE(e.set("b", bytes("y"), {}));
  auto state = saved(e);
  for (auto& byte : state) {
    if (byte == 'b' && &byte - state.data() >= 32) byte = 'a';
  }
  fix_checksum(state);
  Book other(always_room);
  EXPECT_THAT(other.restore(state.data(), state.size()).error(), HasSubstr("twice"));
}

TEST(Entries, AnExpiredEntryIsNotThere) {
  Book e(always_room);
  ASSERT_EQ(e.set("a", bytes("x"), {}, 2000), 1U);
  ASSERT_EQ(e.set("b", bytes("y"), {}, 1000), 2U);  // at once
  EXPECT_EQ(e.get("a")->expires, 2000U);
  EXPECT_EQ(e.get("b"), nullptr);
  e.now = 2000;
  EXPECT_EQ(e.get("a"), nullptr);
  EXPECT_THAT(e.keys(""), testing::IsEmpty());
  EXPECT_EQ(e.set("a", bytes("z"), {Kind::kIfEtag, "1"}).error(), Refusal::kMismatch);
  EXPECT_EQ(e.remove("a", {Kind::kIfEtag, "1"}).error(), Refusal::kMismatch);
  EXPECT_EQ(e.set("a", bytes("z"), {Kind::kIfAbsent, {}}), 3U);
  EXPECT_EQ(e.get("a")->expires, kNever);
  e.now = 1000;  // a clock that was set back
  EXPECT_EQ(e.get("a")->bytes.view(), "z");
}

TEST(Entries, ExpiryIsHandedOver) {
  Book e(always_room);
  ASSERT_TRUE(e.set("a", bytes("x"), {}, 2000));
  const auto state = saved(e);
  Book other(always_room);
  ASSERT_TRUE(other.restore(state.data(), state.size()));
  EXPECT_EQ(other.get("a")->expires, 2000U);
  other.now = 2000;
  EXPECT_EQ(other.purge(other.now, {}, 10).entries, 1U);
  EXPECT_EQ(other.size(), 0U);
}

TEST(Entries, PurgeGoesInSteps) {
  Book e(always_room);
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(e.set("k" + std::to_string(i), bytes("v"), {}, i % 2 == 0 ? 1500 : kNever));
  e.now = 1500;
  std::optional<std::string> after;
  std::uint64_t purged = 0;
  int steps = 0;
  do {
    const auto step = e.purge(e.now, after, 7);
    purged += step.entries;
    after = step.next;
    ++steps;
  } while (after);
  EXPECT_EQ(purged, 50U);
  EXPECT_EQ(steps, 15);
  EXPECT_EQ(e.size(), 50U);
  EXPECT_FALSE(e.purge(e.now, {}, 7).next);  // nothing left that expires: nothing is looked at
}

TEST(Entries, ScansInOrderByPrefix) {
  Book e(always_room);
  for (const char* key : {"b", "a/2", "a/1", "a", "a0", "a/10"}) ASSERT_TRUE(e.set(key, bytes("v"), {}));
  EXPECT_THAT(e.keys(""), testing::ElementsAre("a", "a/1", "a/10", "a/2", "a0", "b"));
  EXPECT_THAT(e.keys("a/"), testing::ElementsAre("a/1", "a/10", "a/2"));
  EXPECT_THAT(e.keys("a/", "a/1"), testing::ElementsAre("a/10", "a/2"));
  EXPECT_THAT(e.keys("a/", "a/11"), testing::ElementsAre("a/2"));  // after one that is gone
  EXPECT_THAT(e.keys("a/", "a"), testing::ElementsAre("a/1", "a/10", "a/2"));
  EXPECT_THAT(e.keys("c"), testing::IsEmpty());
  ASSERT_TRUE(e.set("a/3", bytes("v"), {}, 1));
  EXPECT_EQ(e.remove_prefix(e.now, "a/"), 3U);
  EXPECT_THAT(e.keys(""), testing::ElementsAre("a", "a0", "b"));
  EXPECT_EQ(e.size(), 3U);
}

TEST(Entries, TransactionsAreAllOrNothing) {
  Book e(always_room);
  ASSERT_EQ(e.set("a", bytes("1"), {}), 1U);
  const auto transact = [&](std::vector<Step> steps) { return e.transact(e.now, steps); };
  const auto steps = [](Condition last) {
    std::vector<Step> out;
    out.push_back({"b", bytes("2"), {Kind::kIfAbsent, {}}});
    out.push_back({"a", std::nullopt, {Kind::kIfEtag, "1"}});
    out.push_back({"c", bytes("3"), last});
    return out;
  };
  const auto before = saved(e);
  const auto failed = transact(steps({Kind::kIfEtag, "7"}));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().step, 2U);
  EXPECT_EQ(failed.error().why, Refusal::kMismatch);
  EXPECT_EQ(saved(e), before);
  EXPECT_TRUE(transact(steps({})));
  EXPECT_THAT(e.keys(""), testing::ElementsAre("b", "c"));
  EXPECT_EQ(e.get("c")->version, 3U);
}

TEST(Entries, AStepSeesTheStepsBeforeIt) {
  Book e(always_room);
  std::vector<Step> steps;
  steps.push_back({"a", bytes("1"), {Kind::kIfAbsent, {}}});
  steps.push_back({"a", bytes("2"), {Kind::kIfEtag, "1"}});
  steps.push_back({"a", std::nullopt, {Kind::kIfEtag, "2"}});
  steps.push_back({"a", bytes("3"), {Kind::kIfAbsent, {}}, 1000});  // expires at once
  steps.push_back({"a", bytes("4"), {Kind::kIfAbsent, {}}});
  ASSERT_TRUE(e.transact(e.now, steps));
  EXPECT_EQ(e.get("a")->bytes.view(), "4");
  EXPECT_EQ(e.get("a")->version, 4U);
  Book small(limited_room);
  room_left = kCallReserve;
  steps.clear();
  steps.push_back({"a", bytes("1"), {}});
  const auto full = small.transact(small.now, steps);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().why, Refusal::kFull);
  EXPECT_EQ(full.error().step, 1U);  // none of them
}

}  // namespace
}  // namespace memory
