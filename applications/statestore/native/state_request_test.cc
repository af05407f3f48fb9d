// Tests of the parsing of Dapr's state requests.
#include "applications/statestore/native/state_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "applications/statestore/native/limits.h"

namespace berth::statestore {
namespace {

using testing::HasSubstr;
using Kind = Condition::Kind;

const KeySpace& keys() {
  static const KeySpace space("app");
  return space;
}

auto parse_save(std::string_view body, const KeySpace& keys) {
  return statestore::parse_save(body, {keys, 1000, std::nullopt});
}

TEST(ParseSave, ReadsAllFields) {
  const std::string body = R"( [ {"key":"k\u0031","value":{"a" : [1]}},
    {"value":"text","key":"k2","etag":"7","options":{"concurrency":"first-write","consistency":"strong"},
     "metadata":{"contentType":"application/json","ttlInSeconds":"-1"},"unknown":[{}]},
    {"key":"k3","options":{"concurrency":"first-write"}},
    {"key":"k4","value":12,"etag":null,"options":null,"metadata":null},
    {"key":"k5","value":1,"etag":"","options":{"concurrency":"last-write"}} ] )";
  const auto items = parse_save(body, keys());
  ASSERT_TRUE(items) << items.error().message;
  ASSERT_EQ(items->size(), 5U);
  EXPECT_EQ((*items)[0].key, "app||k1");
  EXPECT_EQ((*items)[0].value, R"({"a" : [1]})");
  EXPECT_EQ((*items)[0].kind, Kind::kAlways);
  EXPECT_EQ((*items)[1].value, "\"text\"");
  EXPECT_EQ((*items)[1].kind, Kind::kIfEtag);
  EXPECT_EQ((*items)[1].etag, "7");
  EXPECT_EQ((*items)[2].value, "null");
  EXPECT_EQ((*items)[2].kind, Kind::kIfAbsent);
  EXPECT_EQ((*items)[3].value, "12");
  EXPECT_EQ((*items)[3].kind, Kind::kAlways);
  EXPECT_EQ((*items)[4].kind, Kind::kAlways);
  EXPECT_EQ((*items)[0].value.data(), body.data() + body.find("{\"a\""));  // a slice, no copy
  EXPECT_TRUE(parse_save("[]", keys())->empty());
}

TEST(ParseSave, RefusesWhatIsWrong) {
  const std::pair<std::string, std::string> table[] = {
      {"", "expected '['"},
      {"{}", "expected '['"},
      {"null", "expected '['"},
      {"[", "expected '{'"},
      {"[1]", "expected '{'"},
      {"[{}]", "a key is missing or empty"},
      {R"([{"key":""}])", "a key is missing or empty"},
      {R"([{"key":1}])", "expected a string"},
      {R"([{"key":"a","value":}])", "expected a value"},
      {R"([{"key":"a","value":1}] x)", "after the end"},
      {R"([{"key":"a","etag":5}])", "expected a string"},
      {R"([{"key":"a||b","value":1}])", "can't contain '||'"},
      {R"([{"key":"a","value":1,"options":{"concurrency":"sometimes"}}])",
       "unrecognized concurrency 'sometimes'"},
      {R"([{"key":"a","value":1,"metadata":{"ttlInSeconds":"soon"}}])", "'soon'; write a whole number"},
      {"[{\"key\":\"a\",\"value\":\"\xff\"}]", "not UTF-8"},
      {R"([{"key":"a","value":)" + std::string(100'000, '['), "nested deeper"},
  };
  for (const auto& [body, message] : table) {
    const auto items = parse_save(body, keys());
    ASSERT_FALSE(items) << body;
    EXPECT_EQ(items.error().status, 400) << body;
    EXPECT_EQ(items.error().code, "ERR_MALFORMED_REQUEST");
    EXPECT_THAT(items.error().message, HasSubstr(message)) << body;
  }
  const auto ttl = parse_save(R"([{"key":"a","metadata":{"ttlInSeconds":"10"}}])", keys());
  ASSERT_TRUE(ttl);
  EXPECT_EQ(ttl->front().expires, 11'000U);
}

TEST(ParseSave, HasLimits) {
  const auto items = [](std::size_t n) {
    std::string body = "[";
    for (std::size_t i = 0; i < n; ++i) body += std::string(i == 0 ? "" : ",") + R"({"key":"a"})";
    return body + "]";
  };
  EXPECT_EQ(parse_save(items(kMaxItems), keys())->size(), kMaxItems);
  EXPECT_THAT(parse_save(items(kMaxItems + 1), keys()).error().message, HasSubstr("more than 10000 items"));
  const std::string longest(kMaxKeyBytes - 5, 'k');
  EXPECT_TRUE(keys().store_key(longest));
  EXPECT_THAT(keys().store_key(longest + "k").error().message,
              HasSubstr("longer than this store accepts (4091)"));
}

TEST(KeySpace, PrefixesAndRefuses) {
  EXPECT_EQ(keys().store_key("a|b"), "app||a|b");
  EXPECT_EQ(KeySpace("").store_key("a"), "a");
  for (const std::string key : {"", "||", "a||", "\xff", "a\xc3"}) EXPECT_FALSE(keys().store_key(key)) << key;
}

TEST(ParseBulkGet, ReadsKeys) {
  EXPECT_EQ(parse_bulk_get(R"({"keys":["a","b\n"],"parallelism":10,"metadata":{}})"),
            (std::vector<std::string>{"a", "b\n"}));
  EXPECT_EQ(parse_bulk_get(R"({})"), std::vector<std::string>());
  EXPECT_EQ(parse_bulk_get(R"({"keys":null})"), std::vector<std::string>());
  for (const std::string body : {"", "[]", R"({"keys":"a"})", R"({"keys":[1]})", R"({"keys":[]} x)"}) {
    EXPECT_EQ(parse_bulk_get(body).error().code, "ERR_MALFORMED_REQUEST") << body;
  }
  std::string many = "{\"keys\":[\"a\"";
  for (std::size_t i = 0; i < kMaxItems; ++i) many += ",\"a\"";
  EXPECT_FALSE(parse_bulk_get(many + "]}"));
}

TEST(Expiry, IsNowAndTheSeconds) {
  EXPECT_EQ(expiry(1000, "").value(), std::nullopt);
  EXPECT_EQ(expiry(1000, "-1").value(), std::nullopt);
  EXPECT_EQ(expiry(1000, "1").value(), 2000U);
  EXPECT_EQ(expiry(1000, std::to_string(kMaxTtlSeconds)).value(), 1000 + kMaxTtlSeconds * 1000);
  for (const std::string& text : {std::string("0"), std::string("-2"), std::string("1 "), std::string("0x1"),
                                  std::string("1\0", 2), std::to_string(kMaxTtlSeconds + 1)})
    EXPECT_FALSE(expiry(1000, text)) << text;
}

TEST(ToRfc3339, IsUtcWithMilliseconds) {
  EXPECT_EQ(to_rfc3339(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(1'764'320'400'250), "2025-11-28T09:00:00.250Z");
  EXPECT_EQ(to_rfc3339(kMaxTime * 1000), "9999-12-31T23:59:59.000Z");
  EXPECT_EQ(to_rfc3339(UINT64_MAX), "");
}

TEST(QueryParameter, FindsAndDecodes) {
  EXPECT_EQ(query_parameter("a=1&concurrency=first%2Dwrite&b", "concurrency"), "first-write");
  EXPECT_EQ(query_parameter("a=1&b", "b"), "");
  EXPECT_EQ(query_parameter("a=1&b", "c"), std::nullopt);
  EXPECT_EQ(query_parameter("", "c"), std::nullopt);
  EXPECT_EQ(query_parameter("aa=1&a=2", "a"), "2");
}

}  // namespace
}  // namespace berth::statestore
