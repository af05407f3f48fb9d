// Conformance: what every bucket does, as one table of tests. For tests only.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <future>
#include <limits>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/task.h"
#include "capabilities/keyvalue/limits.h"
#include "capabilities/keyvalue/provider.h"

namespace berth::keyvalue::conformance {

template <class T>
T wait(Task<T> task) {
  std::promise<T> done;
  detach(std::move(task), [&](T value) { done.set_value(std::move(value)); });
  return done.get_future().get();
}

inline Bytes bytes(std::string_view text) { return {text.begin(), text.end()}; }

// One bucket, with the calls that most tests are made of. A failure of a call fails the test.
class Tried {
 public:
  explicit Tried(Bucket& bucket) : bucket_(bucket) {}

  Bucket* operator->() { return &bucket_; }
  void set(std::string key, std::string_view value) {
    std::vector<std::tuple<std::string, Bytes>> entries;
    entries.emplace_back(std::move(key), bytes(value));
    expect(wait(bucket_.set(std::move(entries))));
  }
  Value get(std::string key) {
    auto values = wait(bucket_.get({std::move(key)}));
    expect(values);
    return values && values->size() == 1 ? values->front() : std::nullopt;
  }
  bool exists(std::string key) {
    const auto there = wait(bucket_.exists(std::move(key)));
    expect(there);
    return there.value_or(false);
  }
  void remove(std::string key) { expect(wait(bucket_.remove({std::move(key)}))); }
  Swapped swap(std::string key, Value expected, std::string_view value) {
    auto swapped = wait(bucket_.swap(std::move(key), std::move(expected), bytes(value)));
    expect(swapped);
    return swapped ? std::move(*swapped) : Swapped{};
  }
  // Every key, over all pages.
  std::multiset<std::string> keys() {
    std::multiset<std::string> out;
    std::optional<std::string> cursor;
    do {
      auto page = wait(bucket_.list(cursor));
      expect(page);
      if (!page) break;
      out.insert(page->keys.begin(), page->keys.end());
      cursor = page->cursor;
    } while (cursor);
    return out;
  }

 private:
  template <class R>
  static void expect(const R& result) {
    EXPECT_TRUE(result) << result.error().message();
  }
  Bucket& bucket_;
};

// The bucket is empty at the start; `other` is another one of the same kind.
struct Case {
  std::string_view name;
  void (*run)(Bucket& bucket, Bucket& other);
};

inline constexpr Case kCases[] = {
    {"WhatIsSetIsThere",
     [](Bucket& b, Bucket&) {
       Tried bucket(b);
       EXPECT_EQ(bucket.get("a"), std::nullopt);
       EXPECT_FALSE(bucket.exists("a"));
       bucket.set("a", "1");
       EXPECT_EQ(bucket.get("a"), bytes("1"));
       EXPECT_TRUE(bucket.exists("a"));
       bucket.set("a", "2");
       EXPECT_EQ(bucket.get("a"), bytes("2"));
       bucket.remove("a");
       EXPECT_EQ(bucket.get("a"), std::nullopt);
       bucket.remove("a");
     }},
    {"AnEmptyValueIsThere",
     [](Bucket& b, Bucket&) {
       Tried bucket(b);
       bucket.set("empty", "");
       EXPECT_EQ(bucket.get("empty"), Bytes());
       EXPECT_TRUE(bucket.exists("empty"));
     }},
    {"KeysAndValuesAreBytes",
     [](Bucket& b, Bucket&) {
       Tried bucket(b);
       std::string all;
       for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
       const std::string keys[] = {std::string("n\0ul", 4),
                                   std::string("n\0ulx", 5),
                                   "a*[b]?\\^-",
                                   "ключ \u26f5",
                                   "||",
                                   "a\r\nb",
                                   "A",
                                   "a"};
       for (const std::string& key : keys) bucket.set(key, all + key);
       for (const std::string& key : keys) EXPECT_EQ(bucket.get(key), bytes(all + key));
       EXPECT_EQ(bucket.keys(), std::multiset<std::string>(std::begin(keys), std::end(keys)));
     }},
    {"BucketsAreApart",
     [](Bucket& b, Bucket& o) {
       Tried bucket(b);
       Tried other(o);
       bucket.set("a", "mine");
       EXPECT_EQ(other.get("a"), std::nullopt);
       other.set("a", "theirs");
       EXPECT_EQ(bucket.get("a"), bytes("mine"));
       other.remove("a");
       EXPECT_EQ(bucket.keys(), std::multiset<std::string>{"a"});
       EXPECT_TRUE(other.keys().empty());
     }},
    {"BatchesKeepTheirOrder",
     [](Bucket& b, Bucket&) {
       Tried bucket(b);
       EXPECT_TRUE(wait(b.set({{"a", bytes("1")}, {"b", bytes("2")}, {"a", bytes("3")}})));
       const auto values = wait(b.get({"b", "none", "a", "b"}));
       ASSERT_TRUE(values) << values.error().message();
       EXPECT_EQ(*values, (std::vector<Value>{bytes("2"), std::nullopt, bytes("3"), bytes("2")}));
       EXPECT_TRUE(wait(b.remove({"a", "none", "b"})));
       EXPECT_TRUE(bucket.keys().empty());
     }},
    {"EmptyBatchesDoNothing",
     [](Bucket& b, Bucket&) {
       EXPECT_TRUE(wait(b.set({})));
       EXPECT_TRUE(wait(b.remove({})));
       const auto values = wait(b.get({}));
       ASSERT_TRUE(values) << values.error().message();
       EXPECT_TRUE(values->empty());
     }},
    {"ABatchWithSomethingWrongWritesNothing",
     [](Bucket& b, Bucket&) {
       Tried bucket(b);
       EXPECT_EQ(wait(b.set({{"a", bytes("1")}, {"", bytes("2")}})).error().code(), Code::kInvalidArgument);
       EXPECT_EQ(bucket.get("a"), std::nullopt);
       bucket.set("a", "1");
       EXPECT_FALSE(wait(b.remove({"a", ""})));
       EXPECT_TRUE(bucket.exists("a"));
     }},
    {"LargeBatches",
     [](Bucket& b, Bucket&) {
       std::vector<std::tuple<std::string, Bytes>> entries;
       std::vector<std::string> keys;
       for (std::size_t i = 0; i < kMaxBatchItems; ++i) {
         keys.push_back("k" + std::to_string(i));
         entries.emplace_back(keys.back(), bytes(std::to_string(i)));
       }
       auto set = wait(b.set(entries));
       EXPECT_TRUE(set) << set.error().message();
       const auto values = wait(b.get(keys));
       ASSERT_TRUE(values) << values.error().message();
       for (std::size_t i = 0; i < keys.size(); ++i) ASSERT_EQ((*values)[i], std::get<1>(entries[i]));
       Tried bucket(b);
       const auto listed = bucket.keys();
       EXPECT_EQ(std::set<std::string>(listed.begin(), listed.end()),
                 std::set<std::string>(keys.begin(), keys.end()));
       EXPECT_TRUE(wait(b.remove(keys)));
       EXPECT_TRUE(bucket.keys().empty());
     }},
    {"Limits",
     [](Bucket& b, Bucket&) {
       Tried bucket(b);
       const std::string longest(kMaxKeyBytes, 'k');
       bucket.set(longest, "1");
       EXPECT_EQ(bucket.get(longest), bytes("1"));
       EXPECT_EQ(wait(b.get({longest + "k"})).error().code(), Code::kResourceExhausted);
       EXPECT_EQ(wait(b.get({""})).error().code(), Code::kInvalidArgument);
       EXPECT_EQ(wait(b.exists("")).error().code(), Code::kInvalidArgument);
       EXPECT_EQ(wait(b.remove({longest + "k"})).error().code(), Code::kResourceExhausted);
       EXPECT_EQ(wait(b.increment("", 1)).error().code(), Code::kInvalidArgument);
       EXPECT_EQ(wait(b.swap("", std::nullopt, {})).error().code(), Code::kInvalidArgument);
       EXPECT_EQ(wait(b.get(std::vector<std::string>(kMaxBatchItems + 1, "a"))).error().code(),
                 Code::kResourceExhausted);
       const Bytes largest(kMaxValueBytes, 0xa5);
       std::vector<std::string> fit;
       std::vector<std::tuple<std::string, Bytes>> too_much;
       for (std::size_t i = 0; i < kMaxBatchBytes / kMaxValueBytes; ++i) {
         fit.push_back("fit" + std::to_string(i));
         std::vector<std::tuple<std::string, Bytes>> one;
         one.emplace_back(fit.back(), largest);
         ASSERT_TRUE(wait(b.set(std::move(one))));
         too_much.emplace_back("not" + std::to_string(i), largest);
       }
       EXPECT_EQ(bucket.get(fit.back()), largest);
       EXPECT_TRUE(wait(b.get(fit)));
       fit.push_back(longest);
       EXPECT_EQ(wait(b.get(fit)).error().code(), Code::kResourceExhausted);
       EXPECT_EQ(wait(b.set(std::move(too_much))).error().code(), Code::kResourceExhausted);
       EXPECT_FALSE(bucket.exists("not0"));
       EXPECT_EQ(wait(b.set({{"large", Bytes(kMaxValueBytes + 1)}})).error().code(),
                 Code::kResourceExhausted);
       EXPECT_FALSE(bucket.exists("large"));
     }},
    {"IncrementCounts",
     [](Bucket& b, Bucket&) {
       Tried bucket(b);
       constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
       constexpr auto kMin = std::numeric_limits<std::int64_t>::min();
       EXPECT_EQ(wait(b.increment("n", 5)).value(), 5);
       EXPECT_EQ(wait(b.increment("n", -7)).value(), -2);
       EXPECT_EQ(bucket.get("n"), bytes("-2"));
       EXPECT_EQ(wait(b.increment("n", 0)).value(), -2);
       EXPECT_EQ(wait(b.increment("max", kMax)).value(), kMax);
       EXPECT_EQ(wait(b.increment("max", 1)).error().code(), Code::kInvalidArgument);
       EXPECT_EQ(wait(b.increment("max", kMin)).value(), -1);
       for (const char* text : {"", "1.5", " 1", "+1", "01", "-0", "1x", "9223372036854775808"}) {
         bucket.set("text", text);
         EXPECT_EQ(wait(b.increment("text", 1)).error().code(), Code::kInvalidArgument) << text;
         EXPECT_EQ(bucket.get("text"), bytes(text));
       }
     }},
    {"SwapOnlyWhatItExpects",
     [](Bucket& b, Bucket&) {
       Tried bucket(b);
       EXPECT_TRUE(bucket.swap("a", std::nullopt, "1").done);
       EXPECT_EQ(bucket.get("a"), bytes("1"));
       const Swapped absent = bucket.swap("a", std::nullopt, "2");
       EXPECT_FALSE(absent.done);
       EXPECT_EQ(absent.now, bytes("1"));
       EXPECT_TRUE(bucket.swap("a", bytes("1"), "").done);
       EXPECT_TRUE(bucket.swap("a", Bytes(), "3").done);
       const Swapped other = bucket.swap("a", bytes("1"), "4");
       EXPECT_FALSE(other.done);
       EXPECT_EQ(other.now, bytes("3"));
       bucket.remove("a");
       const Swapped gone = bucket.swap("a", bytes("3"), "5");
       EXPECT_FALSE(gone.done);
       EXPECT_EQ(gone.now, std::nullopt);
       EXPECT_FALSE(bucket.exists("a"));
     }},
    {"ConcurrentSwapsLoseNothing",
     [](Bucket& b, Bucket&) {
       constexpr int kThreads = 4;
       constexpr int kEach = 50;
       std::atomic<int> lost = 0;
       {
         std::vector<std::jthread> threads;
         for (int t = 0; t < kThreads; ++t)
           threads.emplace_back([&] {
             Tried bucket(b);
             for (int i = 0; i < kEach; ++i) {
               Value seen = bucket.get("n");
               for (;;) {
                 const int now = seen ? std::stoi(std::string(seen->begin(), seen->end())) : 0;
                 Swapped swapped = bucket.swap("n", seen, std::to_string(now + 1));
                 if (swapped.done) break;
                 ++lost;
                 seen = std::move(swapped.now);
               }
               EXPECT_TRUE(wait(b.increment("m", 1)));
             }
           });
       }
       EXPECT_EQ(Tried(b).get("n"), bytes(std::to_string(kThreads * kEach)));
       EXPECT_EQ(Tried(b).get("m"), bytes(std::to_string(kThreads * kEach)));
     }},
    {"ListsInBoundedPages",
     [](Bucket& b, Bucket& o) {
       Tried bucket(b);
       EXPECT_TRUE(bucket.keys().empty());
       const auto fill = [](Bucket& into, std::string_view what, std::size_t count) {
         std::vector<std::tuple<std::string, Bytes>> entries;
         for (std::size_t i = 0; i < count; ++i)
           entries.emplace_back(std::string(what) + std::to_string(i), Bytes());
         EXPECT_TRUE(wait(into.set(std::move(entries))));
       };
       fill(b, "k", 3 * kPageKeys);
       fill(o, "o", kPageKeys);
       std::set<std::string> seen;
       std::optional<std::string> cursor;
       int pages = 0;
       do {
         auto page = wait(b.list(cursor));
         ASSERT_TRUE(page) << page.error().message();
         EXPECT_LE(page->keys.size(), 2 * kPageKeys);
         seen.insert(page->keys.begin(), page->keys.end());
         cursor = page->cursor;
         // What comes and goes meanwhile does not matter to what stays.
         fill(b, "new" + std::to_string(++pages), 100);
         EXPECT_TRUE(wait(b.remove({"k" + std::to_string(pages)})));
       } while (cursor);
       EXPECT_GE(pages, 3);
       for (std::size_t i = static_cast<std::size_t>(pages) + 1; i < 3 * kPageKeys; ++i)
         EXPECT_TRUE(seen.contains("k" + std::to_string(i)));
       EXPECT_FALSE(seen.contains("o1"));
     }},
    {"ACursorOfNobody",
     [](Bucket& b, Bucket&) {
       EXPECT_EQ(wait(b.list("")).error().code(), Code::kInvalidArgument);
       EXPECT_EQ(wait(b.list(std::string(kMaxKeyBytes + 1, '9'))).error().code(), Code::kInvalidArgument);
     }},
};

}  // namespace berth::keyvalue::conformance
