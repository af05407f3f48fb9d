// Tests of the wire format and of Dapr's messages.
#include "applications/statestore/native/grpc/wire.h"

#include <gtest/gtest.h>

#include <random>

#include "applications/statestore/native/grpc/dapr_messages.h"

namespace berth::statestore {
namespace {

std::string bytes(std::initializer_list<int> list) {
  std::string out;
  for (const int b : list) out.push_back(static_cast<char>(b));
  return out;
}

TEST(Wire, ReadsEveryType) {
  // 1: varint 300, 2: "ab", 3: fixed64 1, 4: fixed32 2, 15: varint 2^64-1
  const std::string message =
      bytes({0x08, 0xac, 0x02, 0x12, 2, 'a',  'b',  0x19, 1,    0,    0,    0,    0,    0,    0,    0,
             0x25, 2,    0,    0,    0, 0x78, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01});
  WireReader reader(message);
  WireField f;
  ASSERT_TRUE(reader.next(f));
  EXPECT_EQ(f.number_value, 300U);
  ASSERT_TRUE(reader.next(f));
  EXPECT_EQ(f.bytes, "ab");
  ASSERT_TRUE(reader.next(f));
  EXPECT_EQ(f.number_value, 1U);
  ASSERT_TRUE(reader.next(f));
  EXPECT_EQ(f.number_value, 2U);
  ASSERT_TRUE(reader.next(f));
  EXPECT_EQ(f.number, 15U);
  EXPECT_EQ(f.number_value, UINT64_MAX);
  EXPECT_FALSE(reader.next(f));
  EXPECT_TRUE(reader.ok());
}

TEST(Wire, RefusesWhatIsMalformed) {
  for (const std::string& message :
       {bytes({0x08}), bytes({0x80}), bytes({0x00, 0x01}), bytes({0x0b}), bytes({0x12, 3, 'a', 'b'}),
        bytes({0x19, 1, 2}), bytes({0x0f}),
        bytes({0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}),
        bytes({0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}),
        bytes({0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0x01})}) {
    WireReader reader(message);
    WireField f;
    while (reader.next(f)) {
    }
    EXPECT_FALSE(reader.ok());
  }
}

TEST(Wire, ReadsBackWhatItWrites) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 10'000; ++i) {
    const std::uint32_t number = 1 + random() % 1000;
    const std::uint64_t value = 1 + (random() >> (random() % 63));
    const std::string text(1 + random() % 300, 'x');
    std::string message;
    append_number(message, number, value);
    append_bytes(message, number + 1, text);
    append_number(message, 3, 0);
    append_bytes(message, 3, "");
    WireReader reader(message);
    WireField f;
    ASSERT_TRUE(reader.next(f));
    ASSERT_EQ(f.number, number);
    ASSERT_EQ(f.number_value, value);
    ASSERT_TRUE(reader.next(f));
    ASSERT_EQ(f.bytes, text);
    ASSERT_FALSE(reader.next(f));
    ASSERT_TRUE(reader.ok());
  }
}

TEST(DaprMessages, ReadASave) {
  std::string options;
  append_number(options, 1, 1);
  std::string etag;
  append_bytes(etag, 1, "7");
  std::string ttl;
  append_bytes(ttl, 1, "ttlInSeconds");
  append_bytes(ttl, 2, "10");
  std::string item;
  append_bytes(item, 1, "key");
  append_bytes(item, 2, "value");
  append_message(item, 3, etag);
  append_message(item, 4, ttl);
  append_message(item, 5, options);
  append_number(item, 99, 5);  // a later version's field
  std::string message;
  append_bytes(message, 1, "store");
  append_message(message, 2, item);
  append_message(message, 2, "");
  const auto request = parse_items(message);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->store, "store");
  ASSERT_EQ(request->items.size(), 2U);
  EXPECT_EQ(request->items[0].key, "key");
  EXPECT_EQ(request->items[0].value, "value");
  EXPECT_EQ(request->items[0].etag, "7");
  EXPECT_EQ(request->items[0].ttl_in_seconds, "10");
  EXPECT_TRUE(request->items[0].first_write);
  EXPECT_EQ(request->items[1].key, "");
  // Cut anywhere it is refused, or a shorter message; it is never read past its end.
  for (std::size_t n = 0; n < message.size(); ++n) (void)parse_items(std::string(message, 0, n));
}

TEST(DaprMessages, RefuseFieldsOfAnotherType) {
  std::string message;
  append_number(message, 1, 5);
  EXPECT_FALSE(parse_items(message));
  EXPECT_FALSE(parse_get_state(message));
  EXPECT_FALSE(parse_get_bulk_state(message));
  EXPECT_FALSE(parse_delete_state(message));
}

TEST(DaprMessages, ReadATransaction) {
  const auto operation = [](std::string_view type, std::string_view key) {
    std::string item;
    append_bytes(item, 1, key);
    std::string out;
    append_bytes(out, 1, type);
    append_message(out, 2, item);
    return out;
  };
  std::string message;
  append_bytes(message, 1, "store");
  append_message(message, 2, operation("upsert", "a"));
  append_message(message, 2, operation("delete", "b"));
  const auto request = parse_transaction_request(message);
  ASSERT_TRUE(request);
  ASSERT_EQ(request->items.size(), 2U);
  EXPECT_FALSE(request->items[0].removal);
  EXPECT_TRUE(request->items[1].removal);
  EXPECT_EQ(request->items[1].key, "b");
  EXPECT_FALSE(request->unknown_operation);
  append_message(message, 2, operation("rename", "c"));
  EXPECT_EQ(parse_transaction_request(message)->unknown_operation, "rename");
}

TEST(DaprMessages, WriteAnswers) {
  EXPECT_EQ(get_state_response(std::nullopt), "");
  EXPECT_EQ(get_state_response(Entry{{'v'}, "12", {}}), bytes({0x0a, 1, 'v', 0x12, 2, '1', '2'}));
  std::string bulk;
  append_bulk_item(bulk, "k", std::nullopt, "");
  append_bulk_item(bulk, "", Entry{{}, "1", {}}, "e");
  EXPECT_EQ(bulk, bytes({0x0a, 3, 0x0a, 1, 'k', 0x0a, 6, 0x1a, 1, '1', 0x22, 1, 'e'}));
}

}  // namespace
}  // namespace berth::statestore
