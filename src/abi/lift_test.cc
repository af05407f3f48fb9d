// Lifting what a hostile guest may say: each wrong thing is an error, none is read.
#include <cstring>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "abi/passing.h"
#include "abi/variant_codec.h"

namespace berth::abi {

namespace testing_types {
enum class Color : std::uint8_t { kRed, kGreen, kBlue };
struct Access : FlagsBase<Access, std::uint8_t, 3> {};
struct Record {
  std::uint8_t small = 0;
  std::uint64_t wide = 0;
  std::string name;
  bool operator==(const Record&) const = default;
};
struct Shape {
  struct Empty {
    using Payload = void;
    bool operator==(const Empty&) const = default;
  };
  struct Label {
    using Payload = std::string;
    Payload value;
    bool operator==(const Label&) const = default;
  };
  struct Size {
    using Payload = std::uint64_t;
    Payload value = 0;
    bool operator==(const Size&) const = default;
  };
  std::variant<Empty, Label, Size> cases;
  bool operator==(const Shape&) const = default;
};
class Thing : public Resource {
 public:
  static constexpr std::string_view kWitName = "a:b/c#thing";
  static constexpr bool kGuest = false;
};
}  // namespace testing_types

using namespace testing_types;
template <>
struct Abi<Color> : EnumAbi<Color, 3> {};
template <>
struct Abi<Access> : FlagsAbi<Access> {};
template <>
struct Abi<Record> : RecordAbi<Record, &Record::small, &Record::wide, &Record::name> {};
template <>
struct Abi<testing_types::Shape> : VariantAbi<testing_types::Shape, testing_types::Shape::Empty,
                                              testing_types::Shape::Label, testing_types::Shape::Size> {};

namespace {

constexpr std::uint32_t kMemory = 65'536;

class Lift : public testing::Test {
 protected:
  LiftCx cx() {
    return {memory_.data(), memory_.size(),  Direction::kImport,
            state_.get(),   handles_.data(), handles_.size()};
  }
  template <class V>
  void put(std::uint32_t at, V value) {
    std::memcpy(memory_.data() + at, &value, sizeof(V));
  }
  void put_text(std::uint32_t at, std::string_view s) {
    std::memcpy(memory_.data() + at, s.data(), s.size());
  }
  // Lifts flat values; the error's text, or "" with `out` filled.
  template <class T>
  std::string flat(std::vector<std::uint64_t> values, T& out) {
    values.resize(std::max<std::size_t>(values.size(), Abi<T>::kFlat));
    std::vector<berth_val_t> v;
    for (const std::uint64_t bits : values) v.push_back({bits, 0});
    const berth_val_t* p = v.data();
    LiftCx c = cx();
    const bool ok = Abi<T>::lift(c, p, out);
    EXPECT_EQ(ok, !c.failed());
    if (ok) EXPECT_EQ(p, v.data() + Abi<T>::kFlat);
    return ok ? "" : c.message("test");
  }
  template <class T>
  std::string memory(std::uint32_t at, T& out) {
    LiftCx c = cx();
    const std::uint8_t* p = nullptr;
    return c.range(at, 1, Abi<T>::kSize, Abi<T>::kAlign, p) && Abi<T>::load(c, p, out) ? ""
                                                                                       : c.message("test");
  }

  // Exactly the guest's memory, so that the address sanitizer sees a read past its end.
  std::vector<std::uint8_t> memory_ = std::vector<std::uint8_t>(kMemory);
  std::shared_ptr<InstanceState> state_ = InstanceState::create();
  std::vector<std::uint32_t> handles_;
};

constexpr auto kOutside = "outside the guest's memory";

TEST_F(Lift, PointersAndLengths) {
  std::string s;
  std::string_view v;
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint64_t> words;
  std::span<const std::uint64_t> view;
  for (const auto& [address, length] :
       std::vector<std::pair<std::uint64_t, std::uint64_t>>{{0, 0xffff'ffff},
                                                            {kMemory, 1},
                                                            {kMemory - 1, 2},
                                                            {0xffff'ffff, 1},
                                                            {0xffff'fff8, 0xffff'ffff},
                                                            {8, kMemory - 7},
                                                            {kMemory + 8, 0}}) {
    EXPECT_THAT(flat(std::vector{address, length}, s), testing::HasSubstr(kOutside));
    EXPECT_THAT(flat(std::vector{address, length}, v), testing::HasSubstr(kOutside));
    EXPECT_THAT(flat(std::vector{address, length}, bytes), testing::HasSubstr(kOutside));
    EXPECT_NE(flat(std::vector{address & ~7ull, std::max<std::uint64_t>(length, kMemory / 8)}, words), "");
    EXPECT_NE(flat(std::vector{address & ~7ull, std::max<std::uint64_t>(length, kMemory / 8 + 1)}, view), "");
  }
  // 2^29 * 8 is 2^32: no wrap-around.
  EXPECT_THAT(flat({0, 1u << 29}, words), testing::HasSubstr(kOutside));
  EXPECT_EQ(flat({kMemory, 0}, bytes), "");
  EXPECT_EQ(flat({0, kMemory}, bytes), "");
  EXPECT_EQ(bytes, memory_);
  EXPECT_EQ(flat({kMemory - 8, 1}, words), "");
  EXPECT_EQ(words.size(), 1u);
}

TEST_F(Lift, Alignment) {
  std::vector<std::uint64_t> words;
  std::vector<Record> records;
  std::span<const std::uint32_t> view;
  for (std::uint64_t a = 1; a < 8; ++a) EXPECT_THAT(flat({a, 1}, words), testing::HasSubstr("not aligned"));
  EXPECT_THAT(flat({4, 1}, records), testing::HasSubstr("not aligned"));
  EXPECT_THAT(flat({2, 0}, view), testing::HasSubstr("not aligned"));
  Record r;
  EXPECT_THAT(memory(4, r), testing::HasSubstr("not aligned"));
}

TEST_F(Lift, Text) {
  std::string s;
  for (const std::string_view bad :
       {"\xff", "a\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "abc\xe2\x82"}) {
    put_text(64, bad);
    EXPECT_THAT(flat({64, bad.size()}, s), testing::HasSubstr("not UTF-8"));
  }
  put_text(64, "\xe2\x82\xac");
  EXPECT_EQ(flat({64, 3}, s), "");
  EXPECT_EQ(s, "\xe2\x82\xac");
}

TEST_F(Lift, CharsDiscriminantsAndTruncation) {
  char32_t c = 0;
  for (const std::uint64_t bad : {0xd800ull, 0xdfffull, 0x110000ull, 0xffff'ffffull})
    EXPECT_NE(flat({bad}, c), "");
  EXPECT_EQ(flat({0x10ffff}, c), "");
  put<std::uint32_t>(0, 0xdabc);
  EXPECT_NE(memory(0, c), "");

  Color color{};
  EXPECT_NE(flat({3}, color), "");
  EXPECT_NE(flat({0x1'00}, color), "");  // 256 does not wrap to the first case
  put<std::uint8_t>(0, 200);
  EXPECT_NE(memory(0, color), "");
  EXPECT_EQ(flat({2}, color), "");
  EXPECT_EQ(color, Color::kBlue);

  std::optional<std::uint32_t> option;
  std::expected<std::string, Color> result;
  testing_types::Shape shape;
  EXPECT_NE(flat({2, 0}, option), "");
  EXPECT_NE(flat({2, 0, 0}, result), "");
  EXPECT_NE(flat({1, 9, 0}, result), "");  // the error's own case
  EXPECT_NE(flat({3, 0, 0}, shape), "");
  EXPECT_NE(flat({0xffff'ffff, 0, 0}, shape), "");
  EXPECT_NE(flat({1, 0, 0xffff'ffff}, shape), "");
  EXPECT_EQ(flat({2, ~0ull, 0}, shape), "");
  EXPECT_EQ(std::get<2>(shape.cases).value, ~0ull);

  // Narrow integers wrap, bool is "not zero", unknown flags are dropped (component model).
  std::uint8_t small = 0;
  std::int16_t negative = 0;
  bool flag = false;
  Access access;
  EXPECT_EQ(flat({0x1'42}, small), "");
  EXPECT_EQ(small, 0x42);
  EXPECT_EQ(flat({0xffff'8000}, negative), "");
  EXPECT_EQ(negative, std::numeric_limits<std::int16_t>::min());
  EXPECT_EQ(flat({0x100}, flag), "");
  EXPECT_TRUE(flag);
  EXPECT_EQ(flat({0xff}, access), "");
  EXPECT_EQ(access.bits, 7);
}

TEST_F(Lift, RecordsInLists) {
  static_assert(Abi<Record>::kSize == 24 && Abi<Record>::kAlign == 8);
  std::vector<Record> out;
  put_text(512, "name");
  for (std::uint32_t i = 0; i < 3; ++i) {
    put<std::uint8_t>(64 + 24 * i, static_cast<std::uint8_t>(i));
    put<std::uint64_t>(64 + 24 * i + 8, i + 100ull);
    put<std::uint32_t>(64 + 24 * i + 16, 512);
    put<std::uint32_t>(64 + 24 * i + 20, i);
  }
  EXPECT_EQ(flat({64, 3}, out), "");
  EXPECT_EQ(out, (std::vector<Record>{{0, 100, ""}, {1, 101, "n"}, {2, 102, "na"}}));
  put<std::uint32_t>(64 + 24 * 2 + 20, 0xffff'ffff);
  EXPECT_THAT(flat({64, 3}, out), testing::HasSubstr(kOutside));
  EXPECT_THAT(flat({64, 0xffff'ffff}, out), testing::HasSubstr(kOutside));
}

TEST_F(Lift, LayoutsOfTheSpecification) {
  static_assert(Abi<std::tuple<std::uint8_t, std::uint16_t, std::uint8_t>>::kSize == 6);
  static_assert(Abi<std::optional<std::uint64_t>>::kSize == 16 &&
                Abi<std::optional<std::uint8_t>>::kSize == 2);
  static_assert(Abi<std::expected<void, std::monostate>>::kSize == 1 &&
                Abi<std::expected<void, std::monostate>>::kFlat == 1);
  static_assert(Abi<testing_types::Shape>::kSize == 16 && Abi<testing_types::Shape>::kFlat == 3);
  static_assert(Abi<std::optional<std::optional<float>>>::kFlat == 3);
  static_assert(sizeof(Discriminant<256>) == 1 && sizeof(Discriminant<257>) == 2);
}

// Many elements that share one string: the guest's memory limit does not bound the copies.
TEST_F(Lift, CopiesAreBounded) {
  memory_.assign(4u << 20, 'x');
  constexpr std::uint32_t kText = 2u << 20;
  constexpr std::uint32_t kCount = 1'000;
  for (std::uint32_t i = 0; i < kCount; ++i) {
    put<std::uint32_t>(i * 8, kText);
    put<std::uint32_t>(i * 8 + 4, 1u << 20);
  }
  std::vector<std::string> out;
  EXPECT_THAT(flat({0, kCount}, out), testing::HasSubstr("limit of bytes"));
  EXPECT_LE(out.size(), kMaxLiftedBytes >> 20);
  EXPECT_EQ(flat({0, 100}, out), "");
  // Views cost nothing.
  std::span<const std::uint8_t> view;
  EXPECT_EQ(flat({0, memory_.size()}, view), "");
}

TEST_F(Lift, Handles) {
  auto rep = state_->resources().insert(std::make_unique<Thing>());
  ASSERT_TRUE(rep);
  std::unique_ptr<Thing> own;
  Thing* borrow = nullptr;
  EXPECT_NE(flat({1}, own), "");  // the engine lifted no handle
  handles_ = {*rep + 1};
  EXPECT_NE(flat({1}, own), "");
  EXPECT_NE(flat({1}, borrow), "");
  handles_ = {*rep};
  EXPECT_EQ(flat({1}, borrow), "");
  EXPECT_EQ(state_->resources().size(), 1u);
  EXPECT_EQ(flat({1}, own), "");
  EXPECT_EQ(own.get(), borrow);
  EXPECT_EQ(state_->resources().size(), 0u);
  EXPECT_NE(flat({1}, borrow), "");
}

TEST(Resources, AreBoundedAndTyped) {
  class Other final : public Resource {};
  ResourceTable table;
  for (std::uint32_t i = 0; i < kMaxResources; ++i) ASSERT_TRUE(table.insert(std::make_unique<Thing>()));
  auto more = table.insert(std::make_unique<Thing>());
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code(), Code::kResourceExhausted);
  EXPECT_EQ(table.get<Other>(7), nullptr);
  EXPECT_EQ(table.take<Other>(7), nullptr);
  EXPECT_NE(table.remove(7), nullptr);
  EXPECT_EQ(table.remove(7), nullptr);
  EXPECT_EQ(table.insert(std::make_unique<Thing>()).value(), 7u);
}

TEST(Resources, LentObjectsStayTheCallers) {
  ResourceTable table;
  Thing mine;
  const std::uint32_t rep = table.lend(mine).value();
  EXPECT_EQ(table.get<Thing>(rep), &mine);
  EXPECT_EQ(table.take<Thing>(rep), nullptr);
  table.end_lending();
  EXPECT_EQ(table.size(), 0u);
}

}  // namespace
}  // namespace berth::abi
