// What the other interfaces of berth:state promise, each to a store that has it, and what a hand-over keeps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/statestore/cases.h"

namespace berth::statestore::conformance {
namespace {

using Refusal = StoreError::Kind;

// ---- expiry

// True when there is expiry to look at; otherwise the store must say that there is none.
bool expires(Subject& s) {
  if (s.features().expiry) return true;
  EXPECT_EQ(s.try_set({.key = "a", .value = "1", .expires = kNow + 1}).error().kind, Refusal::kUnsupported);
  EXPECT_EQ(s.ask(s.store().purge(kNow, std::nullopt)).error().kind, Refusal::kUnsupported);
  return false;
}

void entries_expire(Subject& s) {
  if (!expires(s)) return;
  const std::string etag = s.set("a", "1", kNow + 1000);
  EXPECT_EQ(s.get("a", kNow + 999), (Entry{{'1'}, etag, kNow + 1000}));
  EXPECT_EQ(s.get("a", kNow + 1000), std::nullopt);
  EXPECT_EQ(s.get("a", kNow + 5000), std::nullopt);
}

void expired_is_absent(Subject& s) {
  if (!expires(s)) return;
  const std::string old = s.set("a", "1", kNow + 1000);
  const Time then = kNow + 2000;
  EXPECT_EQ(s.try_set({.key = "a", .value = "2", .condition = if_etag(old)}, then).error().kind,
            Refusal::kEtagMismatch);
  EXPECT_EQ(s.try_remove({.key = "a", .condition = if_etag(old)}, then).error().kind, Refusal::kEtagMismatch);
  EXPECT_TRUE(s.try_remove({.key = "a", .condition = kIfAbsent}, then));
  s.set("b", "1", kNow + 1000);
  const auto fresh = s.try_set({.key = "b", .value = "2", .condition = kIfAbsent}, then);
  ASSERT_TRUE(fresh);
  EXPECT_EQ(s.get("b", then), (Entry{{'2'}, *fresh, {}}));
}

void expiry_in_the_past(Subject& s) {
  if (!expires(s)) return;
  s.set("a", "1");
  s.set("a", "2", kNow);
  EXPECT_EQ(s.get("a"), std::nullopt);
  s.set("a", "3", 0);
  EXPECT_EQ(s.get("a"), std::nullopt);
}

void a_write_takes_expiry_away(Subject& s) {
  if (!expires(s)) return;
  s.set("a", "1", kNow + 1000);
  s.set("a", "2");
  EXPECT_EQ(text_of(s.get("a", kNow + 9000)), "2");
}

// No store may fail on a time that is far away; the year 9999 is the last that the host gives.
void far_expiry(Subject& s) {
  if (!expires(s)) return;
  constexpr Time kYear9999 = 253'402'300'799'000;
  const std::string etag = s.set("a", "1", kYear9999);
  EXPECT_EQ(s.get("a"), (Entry{{'1'}, etag, kYear9999}));
}

std::uint64_t purge_all(Subject& s, Time now) {
  std::uint64_t entries = 0;
  std::optional<std::string> next;
  do {
    const Purged purged = s.ask(s.store().purge(now, next)).value();
    entries += purged.entries;
    next = purged.next;
  } while (next);
  return entries;
}

void purge_takes_what_expired(Subject& s) {
  if (!expires(s)) return;
  for (int i = 0; i < 2'500; ++i) s.set("gone" + std::to_string(i), "x", kNow + 10);
  s.set("later", "1", kNow + 100);
  s.set("always", "2");
  EXPECT_EQ(purge_all(s, kNow), 0u);
  EXPECT_EQ(purge_all(s, kNow + 10), 2'500u);
  EXPECT_EQ(purge_all(s, kNow + 10), 0u);
  EXPECT_EQ(text_of(s.get("later", kNow + 10)), "1");
  EXPECT_EQ(text_of(s.get("always", kNow + 10)), "2");
}

// ---- bulk: every store answers, one by one where it has no other way

void many_at_once(Subject& s) {
  const Write writes[] = {{.key = "a", .value = "1"},
                          {.key = "b", .value = "2"},
                          {.key = "a", .value = "3", .condition = kIfAbsent},
                          {.key = "c", .value = ""}};
  const auto set = s.ask(s.store().set_many(kNow, writes)).value();
  ASSERT_EQ(set.size(), 4u);
  EXPECT_TRUE(set[0] && set[1] && set[3]);
  EXPECT_EQ(set[2].error().kind, Refusal::kEtagMismatch) << "items of one key act in order";

  const std::string_view keys[] = {"c", "none", "a", "a"};
  const auto got = s.ask(s.store().get_many(kNow, keys)).value();
  ASSERT_EQ(got.size(), 4u);
  EXPECT_EQ(got[0].value(), (Entry{{}, *set[3], {}}));
  EXPECT_EQ(got[1].value(), std::nullopt);
  EXPECT_EQ(got[2].value(), (Entry{{'1'}, *set[0], {}}));
  EXPECT_EQ(got[3].value(), got[2].value());

  const Removal removals[] = {{.key = "a", .condition = if_etag(*set[1])}, {.key = "b"}, {.key = "none"}};
  const auto removed = s.ask(s.store().remove_many(kNow, removals)).value();
  ASSERT_EQ(removed.size(), 3u);
  EXPECT_EQ(removed[0].error().kind, Refusal::kEtagMismatch);
  EXPECT_TRUE(removed[1] && removed[2]);
  EXPECT_EQ(text_of(s.get("a")), "1");
  EXPECT_EQ(s.get("b"), std::nullopt);
}

void none_at_once(Subject& s) {
  EXPECT_TRUE(s.ask(s.store().get_many(kNow, {})).value().empty());
  EXPECT_TRUE(s.ask(s.store().set_many(kNow, {})).value().empty());
  EXPECT_TRUE(s.ask(s.store().remove_many(kNow, {})).value().empty());
}

void a_thousand_at_once(Subject& s) {
  std::vector<std::string> names;
  for (int i = 0; i < 1'000; ++i) names.push_back("k" + std::to_string(i));
  std::vector<Write> writes;
  for (const std::string& name : names) writes.push_back({.key = name, .value = name});
  for (const auto& one : s.ask(s.store().set_many(kNow, writes)).value()) ASSERT_TRUE(one);
  const std::vector<std::string_view> keys(names.begin(), names.end());
  const auto got = s.ask(s.store().get_many(kNow, keys)).value();
  for (std::size_t i = 0; i < names.size(); ++i) ASSERT_EQ(text_of(got[i].value()), names[i]);
}

// ---- transactions

bool transacts(Subject& s) {
  if (s.features().transactions) return true;
  EXPECT_EQ(s.ask(s.store().transact(kNow, {})).error().error.kind, Refusal::kUnsupported);
  return false;
}

void a_transaction_does_all(Subject& s) {
  if (!transacts(s)) return;
  s.set("a", "1");
  const std::string b = s.set("b", "2");
  const Operation operations[] = {
      Write{.key = "a", .value = "3"},
      Removal{.key = "b", .condition = if_etag(b)},
      Write{.key = "b", .value = "4", .condition = kIfAbsent},  // sees what the one before did
      Write{.key = "c", .value = "5"},
      Removal{.key = "c"},
      Removal{.key = "none"},
  };
  const auto done = s.ask(s.store().transact(kNow, operations));
  ASSERT_TRUE(done) << done.error().error.message;
  EXPECT_EQ(text_of(s.get("a")), "3");
  EXPECT_EQ(text_of(s.get("b")), "4");
  EXPECT_EQ(s.get("c"), std::nullopt);
}

void a_transaction_does_nothing(Subject& s) {
  if (!transacts(s)) return;
  const auto a = (s.set("a", "1"), s.get("a"));
  const auto b = (s.set("b", "2"), s.get("b"));
  const Operation operations[] = {
      Write{.key = "a", .value = "3"},
      Write{.key = "a", .value = "4"},
      Removal{.key = "b"},
      Write{.key = "c", .value = "5"},
      Removal{.key = "a", .condition = if_etag(a->etag)},  // no longer
      Write{.key = "d", .value = "6"},
  };
  const auto done = s.ask(s.store().transact(kNow, operations));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().operation, 4u);
  EXPECT_EQ(done.error().error.kind, Refusal::kEtagMismatch);
  EXPECT_EQ(s.get("a"), a);
  EXPECT_EQ(s.get("b"), b);
  EXPECT_EQ(s.get("c"), std::nullopt);
  EXPECT_EQ(s.get("d"), std::nullopt);
  EXPECT_TRUE(s.try_set({.key = "a", .value = "7", .condition = if_etag(a->etag)}));
}

void a_transaction_keeps_expiry(Subject& s) {
  if (!transacts(s) || !expires(s)) return;
  s.set("a", "1", kNow + 1000);
  const Operation fails[] = {Write{.key = "a", .value = "2"},
                             Write{.key = "a", .value = "3", .condition = kIfAbsent}};
  EXPECT_FALSE(s.ask(s.store().transact(kNow, fails)));
  EXPECT_EQ(text_of(s.get("a", kNow + 999)), "1");
  EXPECT_EQ(s.get("a", kNow + 1000), std::nullopt);
  const Operation works[] = {Write{.key = "a", .value = "4", .condition = kIfAbsent, .expires = kNow + 3000}};
  EXPECT_TRUE(s.ask(s.store().transact(kNow + 2000, works)));
  EXPECT_EQ(text_of(s.get("a", kNow + 2999)), "4");
  EXPECT_EQ(s.get("a", kNow + 3000), std::nullopt);
}

void an_empty_transaction(Subject& s) {
  if (transacts(s)) EXPECT_TRUE(s.ask(s.store().transact(kNow, {})));
}

// ---- scanning

bool scans(Subject& s) {
  if (s.features().scanning) return true;
  EXPECT_EQ(s.ask(s.store().scan(kNow, "", std::nullopt, 10)).error().kind, Refusal::kUnsupported);
  return false;
}

struct Scanned {
  std::map<std::string, Entry> entries;
  int pages = 0;
};

// All of them; `between` is done after each page.
Scanned scan_all(Subject& s, std::string_view prefix, std::uint32_t limit, Time now = kNow,
                 const std::function<void(int)>& between = {}) {
  Scanned out;
  std::optional<std::string> next;
  do {
    const Page page = s.ask(s.store().scan(now, prefix, next, limit)).value();
    EXPECT_LE(page.items.size(), limit);
    for (const Page::Item& item : page.items) out.entries.insert_or_assign(item.key, item.entry);
    next = page.next;
    ++out.pages;
    if (between) between(out.pages);
  } while (next && out.pages < 10'000);
  EXPECT_EQ(next, std::nullopt) << "it goes on for ever";
  return out;
}

void scans_page_by_page(Subject& s) {
  if (!scans(s)) return;
  EXPECT_TRUE(scan_all(s, "", 10).entries.empty());
  std::map<std::string, Entry> expected;
  for (int i = 0; i < 25; ++i) {
    const std::string key = "k" + std::to_string(i);
    s.set(key, key);
    expected[key] = s.get(key).value();
  }
  for (const std::uint32_t limit : {1u, 7u, 25u, 1000u})
    EXPECT_EQ(scan_all(s, "", limit).entries, expected) << limit;
  EXPECT_GE(scan_all(s, "", 7).pages, 4);
}

void scans_a_prefix(Subject& s) {
  if (!scans(s)) return;
  for (const char* key : {"a", "ab", "abc", "ac", "b", "a%", "a_", "a*", "a[", "A", "é", "é2"})
    s.set(key, key);
  if (s.features().expiry) s.set("ab-gone", "x", kNow);
  const auto keys = [&](std::string_view prefix) {
    std::set<std::string> out;
    for (const auto& [key, entry] : scan_all(s, prefix, 2).entries) out.insert(key);
    return out;
  };
  using Keys = std::set<std::string>;
  EXPECT_EQ(keys("ab"), (Keys{"ab", "abc"}));
  EXPECT_EQ(keys("a%"), Keys{"a%"});
  EXPECT_EQ(keys("a_"), Keys{"a_"});
  EXPECT_EQ(keys("a*"), Keys{"a*"});
  EXPECT_EQ(keys("a["), Keys{"a["});
  EXPECT_EQ(keys("é"), (Keys{"é", "é2"}));
  EXPECT_EQ(keys("z"), Keys{});
}

void scans_while_others_write(Subject& s) {
  if (!scans(s)) return;
  for (int i = 0; i < 100; ++i) s.set("k" + std::to_string(100 + i), "old");
  const auto scanned = scan_all(s, "k", 9, kNow, [&](int page) {
    s.set("k1" + std::to_string(page) + "x", "new");
    s.remove("k" + std::to_string(100 + 2 * page));
    s.set("k" + std::to_string(101 + 2 * page), "changed");
  });
  std::set<std::string> missing;
  for (int i = 0; i < 100; ++i) {
    const std::string key = "k" + std::to_string(100 + i);
    if (s.get(key) && !scanned.entries.contains(key)) missing.insert(key);
  }
  EXPECT_THAT(missing, testing::IsEmpty());
}

void scans_large_values(Subject& s) {
  if (!scans(s)) return;
  const std::string value(std::size_t{300} << 10, 'v');
  for (int i = 0; i < 20; ++i) s.set("k" + std::to_string(i), value);
  EXPECT_EQ(scan_all(s, "", 1000).entries.size(), 20u);
}

// ---- prefixes

void deletes_a_prefix(Subject& s) {
  const auto remove = [&](std::string_view prefix) { return s.ask(s.store().remove_prefix(kNow, prefix)); };
  if (!s.features().prefixes) {
    EXPECT_EQ(remove("a").error().kind, Refusal::kUnsupported);
    return;
  }
  for (const char* key : {"a||1", "a||2", "a||", "a", "b||1", "a%1", "a_1", "ax1"}) s.set(key, key);
  if (s.features().expiry) s.set("a||gone", "x", kNow);
  EXPECT_EQ(remove("a||").value(), 3u);
  EXPECT_EQ(remove("a||").value(), 0u);
  EXPECT_EQ(s.get("a||1"), std::nullopt);
  EXPECT_EQ(remove("a%").value(), 1u);
  EXPECT_EQ(remove("a_").value(), 1u);
  for (const char* key : {"a", "b||1", "ax1"}) EXPECT_EQ(text_of(s.get(key)), key);
  s.set("a||1", "again");
  EXPECT_EQ(text_of(s.get("a||1")), "again");
}

// ---- one build takes the place of another

void a_new_build_has_everything(Subject& s) {
  std::map<std::string, std::optional<Entry>> expected;
  for (const char* key : {"a", "||", "\U0001d11e", "\n", "empty"}) {
    s.set(key, key == std::string_view("empty") ? "" : key);
    expected[key] = s.get(key);
  }
  s.set("large", std::string(std::size_t{2} << 20, '\xff'));
  expected["large"] = s.get("large");
  if (s.features().expiry) {
    s.set("later", "1", kNow + 1000);
    expected["later"] = s.get("later");
    s.set("gone", "1", kNow);
    expected["gone"] = std::nullopt;
  }
  const std::string before = s.set("a", "last");
  expected["a"] = s.get("a");
  s.remove("a");
  expected["a"] = std::nullopt;

  s.replace();
  for (const auto& [key, entry] : expected) EXPECT_TRUE(s.get(key) == entry) << key;
  EXPECT_EQ(s.get("later", kNow + 1000), std::nullopt);
  EXPECT_EQ(s.try_set({.key = "a", .value = "1", .condition = if_etag(before)}).error().kind,
            Refusal::kEtagMismatch);
  EXPECT_TRUE(s.try_set({.key = "||", .value = "1", .condition = if_etag(expected["||"]->etag)}));
  EXPECT_NE(s.set("a", "1"), before);
}

void nothing_to_hand_over(Subject& s) {
  s.replace();
  EXPECT_EQ(s.get("a"), std::nullopt);
  s.set("a", "1");
  EXPECT_EQ(text_of(s.get("a")), "1");
}

void many_to_hand_over(Subject& s) {
  for (int i = 0; i < 5'000; ++i) s.set("key" + std::to_string(i), "value" + std::to_string(i));
  s.replace();
  s.replace();
  for (int i = 0; i < 5'000; i += 7)
    ASSERT_EQ(text_of(s.get("key" + std::to_string(i))), "value" + std::to_string(i));
}

constexpr Case kFeatureCases[] = {
    {"EntriesExpire", entries_expire},
    {"ExpiredIsAbsent", expired_is_absent},
    {"ExpiryInThePast", expiry_in_the_past},
    {"AWriteTakesExpiryAway", a_write_takes_expiry_away},
    {"FarExpiry", far_expiry},
    {"PurgeTakesWhatExpired", purge_takes_what_expired},
    {"ManyAtOnce", many_at_once},
    {"NoneAtOnce", none_at_once},
    {"AThousandAtOnce", a_thousand_at_once},
    {"ATransactionDoesAll", a_transaction_does_all},
    {"ATransactionDoesNothing", a_transaction_does_nothing},
    {"ATransactionKeepsExpiry", a_transaction_keeps_expiry},
    {"AnEmptyTransaction", an_empty_transaction},
    {"ScansPageByPage", scans_page_by_page},
    {"ScansAPrefix", scans_a_prefix},
    {"ScansWhileOthersWrite", scans_while_others_write},
    {"ScansLargeValues", scans_large_values},
    {"DeletesAPrefix", deletes_a_prefix},
    {"ANewBuildHasEverything", a_new_build_has_everything},
    {"NothingToHandOver", nothing_to_hand_over},
    {"ManyToHandOver", many_to_hand_over},
};

}  // namespace

std::span<const Case> feature_cases() { return kFeatureCases; }

}  // namespace berth::statestore::conformance
