// Bindings, synchronous: every WIT type through guest and host and back; resources both ways.
#include <limits>

#include <bindings/every_bindings.h>
#include <gtest/gtest.h>

#include "tests/bindings/rig.h"

namespace berth::abi {
namespace {

namespace every = wit::every::test::every;
using every::types::Access;
using every::types::Color;
using every::types::Mixed;
using every::types::Point;
using Shape = every::types::Shape;

int counters_alive = 0;

class CounterImpl final : public every::host::Counter {
 public:
  explicit CounterImpl(std::uint32_t value) : value_(value) { ++counters_alive; }
  ~CounterImpl() override { --counters_alive; }
  Result<std::uint32_t> next() override { return value_++; }
  Result<std::uint32_t> slow_next() override { return value_++; }
  std::uint32_t value_;
};

// Answers with what it was given.
class Echo final : public every::Host {
 public:
  using Counter = every::host::Counter;
  Result<std::uint32_t> add(std::uint32_t a, std::uint32_t b) override { return a + b; }
  Result<std::tuple<bool, std::int8_t, std::uint8_t, std::int16_t, std::uint16_t, std::int32_t, std::uint32_t,
                    std::int64_t, std::uint64_t, float, double, char32_t>>
  scalars(bool a, std::int8_t b, std::uint8_t c, std::int16_t d, std::uint16_t e, std::int32_t f,
          std::uint32_t g, std::int64_t h, std::uint64_t i, float j, double k, char32_t l) override {
    return std::tuple(a, b, c, d, e, f, g, h, i, j, k, l);
  }
  Result<std::string> text(std::string_view s) override { return std::string(s); }
  Result<std::vector<std::uint8_t>> bytes(std::span<const std::uint8_t> b) override {
    return std::vector<std::uint8_t>(b.begin(), b.end());
  }
  Result<std::vector<std::uint64_t>> words(std::span<const std::uint64_t> w) override {
    return std::vector<std::uint64_t>(w.begin(), w.end());
  }
  Result<std::vector<bool>> bools(const std::vector<bool>& b) override { return b; }
  Result<std::vector<Mixed>> mixed_list(std::span<const Mixed> m) override {
    return std::vector<Mixed>(m.begin(), m.end());
  }
  Result<std::vector<Shape>> shapes(std::span<const Shape> s) override {
    return std::vector<Shape>(s.begin(), s.end());
  }
  Result<Shape> one_shape(const Shape& s) override { return s; }
  Result<std::tuple<Color, Access>> colors(Color c, Access a) override { return std::tuple(c, a); }
  using Nested = std::optional<std::expected<std::vector<std::optional<std::string>>, Shape>>;
  Result<Nested> nested(const Nested& n) override { return n; }
  Result<std::string> many(std::string_view a, std::string_view b, std::string_view c, std::string_view d,
                           const Mixed& e, std::uint64_t f) override {
    return std::string(a) + std::string(b) + std::string(c) + std::string(d) + e.name + std::to_string(f);
  }
  Result<std::expected<std::string, Color>> fallible(std::string_view s) override {
    if (s == "refuse") return err(Color::kBlue);
    if (s == "fail") return fail(Code::kUnavailable, "the backend is gone");
    if (s == "throw") throw std::string("an exception");
    if (s == "not utf-8") return std::string("\xff");
    return std::string(s);
  }
  Result<std::expected<void, std::monostate>> done(bool ok) override {
    if (!ok) return err();
    return {};
  }
  Result<std::string> slow(std::string_view s) override { return std::string(s); }
  Result<std::unique_ptr<Counter>> new_counter(std::uint32_t start) override {
    return std::make_unique<CounterImpl>(start);
  }
  Result<std::unique_ptr<Counter>> counter_merge(std::unique_ptr<Counter> a, Counter& b) override {
    static_cast<CounterImpl&>(*a).value_ += static_cast<CounterImpl&>(b).value_;
    return a;
  }
  Result<std::optional<std::unique_ptr<Counter>>> first(std::vector<std::unique_ptr<Counter>> c) override {
    std::optional<std::unique_ptr<Counter>> out;
    if (!c.empty()) out = std::move(c.front());
    return out;
  }
  Result<std::uint32_t> sum(std::span<Counter* const> c) override {
    std::uint32_t total = 0;
    for (Counter* one : c) total += static_cast<CounterImpl*>(one)->value_;
    return total;
  }
};

class Every : public testing::Test {
 protected:
  void SetUp() override {
    auto engine = Engine::create({.max_instances = 8});
    ASSERT_TRUE(engine) << engine.error().to_string();
    auto component = Component::compile(*engine, rig::read_guest("every"));
    ASSERT_TRUE(component) << component.error().to_string();
    auto linker = Linker::create(*engine);
    ASSERT_TRUE(linker);
    auto added = every::Host::add_to_linker(*linker);
    ASSERT_TRUE(added) << added.error().to_string();
    auto pre = linker->link(*component);
    ASSERT_TRUE(pre) << pre.error().to_string();
    pre_ = *pre;
    EXPECT_FALSE(pre_->is_async());
    ASSERT_NO_FATAL_FAILURE(instantiate());
  }
  void instantiate() {
    state_ = InstanceState::create();
    state_->provide<every::Host>(echo_);
    auto instance = Instance::create(pre_, state_, {});
    ASSERT_TRUE(instance) << instance.error().to_string();
    instance_ = std::move(*instance);
    auto guest = every::GuestExport::create(*instance_);
    ASSERT_TRUE(guest) << guest.error().to_string();
    guest_.emplace(*guest);
  }
  // Through the abstract class, as a caller that does not know what it calls.
  every::Guest& guest() { return *guest_; }

  Echo echo_;
  std::shared_ptr<const Pre> pre_;
  std::shared_ptr<InstanceState> state_;
  std::unique_ptr<Instance> instance_;
  std::optional<every::GuestExport> guest_;
};

template <class T>
void expect_value(const Result<T>& result, const T& wanted) {
  ASSERT_TRUE(result) << result.error().to_string();
  EXPECT_TRUE(*result == wanted);
}

Mixed mixed(std::uint64_t i) {
  return {static_cast<std::uint8_t>(i),
          i << 33,
          "name " + std::to_string(i),
          i % 2 == 0,
          U'\U0001F600',
          0.5 * static_cast<double>(i),
          {"a", "", "ünï"},
          i % 3 == 0 ? std::nullopt : std::optional(Point{-1, static_cast<std::int32_t>(i)})};
}

TEST_F(Every, Scalars) {
  expect_value(guest().add(3, 4'000'000'000u), 3u + 4'000'000'000u);
  for (const bool low : {false, true}) {
    const auto pick = [&]<class T>(T) {
      return low ? std::numeric_limits<T>::lowest() : std::numeric_limits<T>::max();
    };
    const auto wanted =
        std::tuple(low, pick(std::int8_t{}), pick(std::uint8_t{}), pick(std::int16_t{}),
                   pick(std::uint16_t{}), pick(std::int32_t{}), pick(std::uint32_t{}), pick(std::int64_t{}),
                   pick(std::uint64_t{}), pick(float{}), pick(double{}), low ? U'\0' : U'\U0010FFFF');
    expect_value(std::apply([&](auto... v) { return guest().scalars(v...); }, wanted), wanted);
  }
}

TEST_F(Every, TextAndLists) {
  for (const std::string& s :
       {std::string(), std::string("plain"), std::string("ünïcödé \U0001F600"), std::string(100'000, 'x')})
    expect_value(guest().text(s), s);
  std::vector<std::uint8_t> bytes(1 << 20);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 7);
  expect_value(guest().bytes(bytes), bytes);
  expect_value(guest().bytes({}), std::vector<std::uint8_t>{});
  const std::vector<std::uint64_t> words = {0, 1, ~0ull};
  expect_value(guest().words(words), words);
  const std::vector<bool> bools = {true, false, false, true, true, true, true, true, true};
  expect_value(guest().bools(bools), bools);
}

TEST_F(Every, RecordsVariantsEnumsFlags) {
  std::vector<Mixed> list;
  for (std::uint64_t i = 0; i < 1'000; ++i) list.push_back(mixed(i));
  expect_value(guest().mixed_list(list), list);
  const std::vector<Shape> shapes = {Shape::Empty{}, Shape::Circle{1.5f}, Shape::Label{"l"},
                                     Shape::Polygon{{{1, 2}, {-3, -4}}}, Shape::Both{{~0ull, Color::kGreen}}};
  expect_value(guest().shapes(shapes), shapes);
  for (const Shape& s : shapes) expect_value(guest().one_shape(s), s);
  expect_value(guest().colors(Color::kBlue, Access::kRead | Access::kRun),
               std::tuple(Color::kBlue, Access::kRead | Access::kRun));
}

TEST_F(Every, NestedOptionsAndResults) {
  using Nested = Echo::Nested;
  using Inner = Nested::value_type;
  for (const Nested& n : {Nested(), Nested(Inner({std::optional<std::string>("a"), std::nullopt})),
                          Nested(Inner(std::unexpected(Shape(Shape::Both{{7, Color::kRed}})))),
                          Nested(Inner(std::unexpected(Shape(Shape::Circle{-0.25f}))))})
    expect_value(guest().nested(n), n);
}

TEST_F(Every, ManyParametersAreSpilled) {
  expect_value(guest().many("a", "b", "c", "d", mixed(1), ~0ull),
               std::string("abcdname 118446744073709551615"));
}

TEST_F(Every, AnErrorValueIsAnAnswer) {
  expect_value(guest().fallible("yes"), std::expected<std::string, Color>("yes"));
  expect_value(guest().fallible("refuse"), std::expected<std::string, Color>(std::unexpected(Color::kBlue)));
  expect_value(guest().done(true), std::expected<void, std::monostate>());
  expect_value(guest().done(false), std::expected<void, std::monostate>(std::unexpected(std::monostate())));
  EXPECT_EQ(state_->failure().kind, FailureKind::kNone);
}

TEST_F(Every, AFailedHostFunctionKeepsItsError) {
  auto r = guest().fallible("fail");
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code(), Code::kUnavailable);
  EXPECT_EQ(r.error().message(), "the backend is gone");
  EXPECT_EQ(state_->failure().kind, FailureKind::kHost);
  EXPECT_TRUE(instance_->dead());
}

TEST_F(Every, AThrowingHostFunctionIsAnError) {
  auto r = guest().fallible("throw");
  ASSERT_FALSE(r);
  EXPECT_EQ(state_->failure().kind, FailureKind::kInternal);
  EXPECT_NE(r.error().message().find("threw"), std::string::npos) << r.error().to_string();
}

TEST_F(Every, HostStringsAreCheckedToo) {
  auto r = guest().fallible("not utf-8");
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code(), Code::kInvalidArgument);
  ASSERT_NO_FATAL_FAILURE(instantiate());
  EXPECT_EQ(guest().text("\xc0\x80").error().code(), Code::kInvalidArgument);
}

TEST_F(Every, ATrapKillsTheInstance) {
  auto r = guest().boom();
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code(), Code::kTrap);
  EXPECT_FALSE(r.error().detail().empty());
  EXPECT_EQ(state_->failure().kind, FailureKind::kTrap);
  EXPECT_TRUE(instance_->dead());
  EXPECT_FALSE(guest().add(1, 2));
}

TEST_F(Every, HostResources) {
  // start + 100, then sum (start + 102) + 101, then start + 102.
  expect_value(guest().use_counters(10), 10u + 100 + (112 + 101) + 112);
  EXPECT_EQ(counters_alive, 0);
  EXPECT_EQ(state_->resources().size(), 0u);
}

TEST_F(Every, HostResourcesLentAndGiven) {
  CounterImpl mine(5);
  expect_value(guest().lent(mine), 5u);
  EXPECT_EQ(mine.value_, 6u);
  EXPECT_EQ(state_->resources().size(), 0u);
  auto back = guest().given(std::make_unique<CounterImpl>(8));
  ASSERT_TRUE(back) << back.error().to_string();
  EXPECT_EQ(static_cast<CounterImpl&>(**back).value_, 9u);
  EXPECT_EQ(state_->resources().size(), 0u);
}

TEST_F(Every, GuestResources) {
  auto note = guest().new_note("one");
  ASSERT_TRUE(note) << note.error().to_string();
  expect_value((*note)->append(" two"), 7u);
  expect_value((*note)->text(), std::string("one two"));
  expect_value(guest().length(**note), 7u);
  auto list = guest().notes(5);
  ASSERT_TRUE(list) << list.error().to_string();
  expect_value((*list)[3]->text(), std::string("3"));
  expect_value(guest().alive(), 6u);
  list->clear();
  expect_value(guest().alive(), 1u);
  auto other = guest().new_note("!");
  ASSERT_TRUE(other);
  auto joined = guest().note_join(std::move(*note), **other);
  ASSERT_TRUE(joined) << joined.error().to_string();
  expect_value((*joined)->text(), std::string("one two!"));
  joined->reset();
  other->reset();
  expect_value(guest().alive(), 0u);
}

TEST_F(Every, AResourceOfAnotherInstanceIsRefused) {
  auto note = guest().new_note("here");
  ASSERT_TRUE(note);
  auto old_instance = std::move(instance_);
  auto old_state = state_;
  ASSERT_NO_FATAL_FAILURE(instantiate());
  auto r = guest().length(**note);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code(), Code::kInvalidArgument);
  // A handle that outlives its instance answers with an error, and its drop does nothing.
  old_instance.reset();
  EXPECT_EQ((*note)->text().error().code(), Code::kFailedPrecondition);
}

TEST_F(Every, MissingImplementationIsAClearError) {
  auto state = InstanceState::create();
  auto instance = Instance::create(pre_, state, {});
  ASSERT_TRUE(instance);
  auto guest = every::GuestExport::create(**instance);
  auto r = guest->add(1, 2);
  ASSERT_FALSE(r);
  EXPECT_NE(r.error().message().find("test:every/host@0.1.0#add"), std::string::npos)
      << r.error().to_string();
}

TEST_F(Every, AnotherTypeIsRefusedAtLinkTime) {
  auto found = pre_->find_export("test:every/guest@0.1.0", "add", "func(a: u32, b: s32) -> u32", 2, 1, false);
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().message().find("func(a: u32, b: u32) -> u32"), std::string::npos)
      << found.error().to_string();
}

// A class in the place of the component: callers of the abstract class cannot tell.
TEST_F(Every, ANativeGuestStandsIn) {
  class NativeNote final : public every::guest::Note {
   public:
    explicit NativeNote(std::string_view text) : text_(text) {}
    Result<std::uint32_t> append(std::string_view more) override {
      text_ += more;
      return static_cast<std::uint32_t>(text_.size());
    }
    Result<std::string> text() override { return text_; }

   private:
    std::string text_;
  };
  const auto use = [](every::guest::Note& note) -> Result<std::string> {
    BERTH_TRY(note.append(" more"));
    return note.text();
  };
  NativeNote native("one");
  auto guests = guest().new_note("one");
  ASSERT_TRUE(guests);
  expect_value(use(native), std::string("one more"));
  expect_value(use(**guests), std::string("one more"));
  // But a guest takes only its own.
  EXPECT_EQ(guest().length(native).error().code(), Code::kInvalidArgument);
}

TEST_F(Every, TheShapeListsImportsAndExports) {
  const abi::Shape& shape = pre_->component().shape();
  ASSERT_EQ(shape.exports.size(), 1u);
  EXPECT_EQ(shape.exports[0].name, "test:every/guest@0.1.0");
  EXPECT_EQ(shape.exports[0].kind, ItemKind::kInterface);
  bool found = false;
  for (const Item& item : shape.exports[0].items)
    found |= item.name == "add" && item.type == "func(a: u32, b: u32) -> u32";
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace berth::abi
