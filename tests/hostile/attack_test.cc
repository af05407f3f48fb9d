// Hostile guests, called: each attack ends with a clear error, and a fresh instance serves the next call.
#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "tests/hostile/victim.h"

namespace berth::hostile {
namespace {

using abi::FailureKind;
using testing::HasSubstr;

class AttackTest : public testing::TestWithParam<Path> {
 protected:
  static void SetUpTestSuite() {
    auto engine = abi::Engine::create(engine_options());
    ASSERT_TRUE(engine) << engine.error().to_string();
    engine_ = std::move(*engine);
  }
  static void TearDownTestSuite() { engine_.reset(); }

  static std::optional<Victim> load(std::string_view name) {
    auto victim = Victim::load(engine_, guest_binary(name), GetParam());
    if (victim) return std::move(*victim);
    ADD_FAILURE() << name << ": " << victim.error().to_string();
    return std::nullopt;
  }

  // Calls `attack`, which must fail as `kind` with `words` in the message; then a fresh instance of
  // the same component must serve.
  template <class R, class... Ps>
  static void expect_stopped(std::string_view guest, FailureKind kind, std::string_view words,
                             std::string_view type, Ps... args) {
    SCOPED_TRACE(guest);
    std::optional<Victim> victim = load(guest);
    ASSERT_TRUE(victim);
    for (int round = 0; round < 3; ++round) {
      victim->deadline_ticks = kind == FailureKind::kLimitTime ? kDeadlineTicks : kPatientTicks;
      Result<R> result = victim->call<R, Ps...>("attack", type, args...);
      ASSERT_FALSE(result) << "the attack went through";
      EXPECT_EQ(victim->failure(), kind) << result.error().to_string();
      EXPECT_THAT(result.error().message(), HasSubstr(words));
      EXPECT_TRUE(victim->instance().dead());
      // What is dead stays dead.
      EXPECT_FALSE(victim->ping());

      victim->deadline_ticks = kPatientTicks;
      ASSERT_TRUE(victim->renew());
      Result<std::uint32_t> ping = victim->ping();
      ASSERT_TRUE(ping) << ping.error().to_string();
      EXPECT_EQ(*ping, 7u);
      // A well instance is attacked next, so that a call before it makes no difference.
    }
  }

  static std::shared_ptr<abi::Engine> engine_;
};

std::shared_ptr<abi::Engine> AttackTest::engine_;

constexpr std::string_view kRun = "func() -> u32";
using U32 = std::uint32_t;

TEST_P(AttackTest, EndlessLoopEndsAtItsDeadline) {
  const auto start = std::chrono::steady_clock::now();
  expect_stopped<U32>("endless_loop", FailureKind::kLimitTime, "deadline", kRun);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_P(AttackTest, MemoryBombIsRefused) {
  expect_stopped<U32>("memory_bomb", FailureKind::kLimitMemory, "memory", kRun);
}

TEST_P(AttackTest, MemoryLimitIsExactToThePage) {
  std::optional<Victim> victim = load("memory_pages");
  ASSERT_TRUE(victim);
  Result<U32> pages = victim->call<U32>("attack", kRun);
  ASSERT_TRUE(pages) << pages.error().to_string();
  EXPECT_EQ(*pages, kMaxMemoryBytes / kPageBytes);
  EXPECT_EQ(victim->instance().memory_bytes(), kMaxMemoryBytes);
}

TEST_P(AttackTest, TableLimitIsExact) {
  std::optional<Victim> victim = load("table_bomb");
  ASSERT_TRUE(victim);
  Result<U32> elements = victim->call<U32>("attack", kRun);
  ASSERT_TRUE(elements) << elements.error().to_string();
  EXPECT_EQ(*elements, 901u);  // 1 and then a hundred at a time: the next hundred would pass 1,000
}

TEST_P(AttackTest, StackOverflowIsALimit) {
  expect_stopped<U32>("stack_overflow", FailureKind::kLimitStack, "stack", kRun);
}

TEST_P(AttackTest, PlainTrapIsABug) {
  expect_stopped<U32>("unreachable", FailureKind::kTrap, "unreachable", kRun);
}

TEST_P(AttackTest, TrapShowsTheGuestsStack) {
  std::optional<Victim> victim = load("unreachable");
  ASSERT_TRUE(victim);
  Result<U32> result = victim->call<U32>("attack", kRun);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().detail(), HasSubstr("attack"));
}

constexpr std::string_view kText = "func(s: string) -> u32";

TEST_P(AttackTest, ReallocOutOfBounds) {
  expect_stopped<U32, std::string>("realloc_out_of_bounds", FailureKind::kTrap, "realloc", kText, "hello");
}
TEST_P(AttackTest, ReallocEndWrapsAround) {
  expect_stopped<U32, std::string>("realloc_end_overflow", FailureKind::kTrap, "realloc", kText, "hello");
}
TEST_P(AttackTest, ReallocMisaligned) {
  expect_stopped<U32, std::vector<std::uint64_t>>("realloc_misaligned", FailureKind::kTrap, "align",
                                                  "func(l: list<u64>) -> u32", {1, 2, 3});
}
TEST_P(AttackTest, ReallocTraps) {
  expect_stopped<U32, std::string>("realloc_trap", FailureKind::kTrap, "unreachable", kText, "hello");
}
TEST_P(AttackTest, ReallocNeverReturns) {
  expect_stopped<U32, std::string>("realloc_loop", FailureKind::kLimitTime, "deadline", kText, "hello");
}
TEST_P(AttackTest, ReallocOverflowsTheStack) {
  expect_stopped<U32, std::string>("realloc_stack_overflow", FailureKind::kLimitStack, "stack", kText,
                                   "hello");
}

constexpr std::string_view kToText = "func() -> string";

TEST_P(AttackTest, BadUtf8) { expect_stopped<std::string>("bad_utf8", FailureKind::kTrap, "UTF-8", kToText); }
TEST_P(AttackTest, TruncatedUtf8) {
  expect_stopped<std::string>("truncated_utf8", FailureKind::kTrap, "UTF-8", kToText);
}
TEST_P(AttackTest, StringOutOfBounds) {
  expect_stopped<std::string>("string_out_of_bounds", FailureKind::kTrap, "outside the guest's memory",
                              kToText);
}
TEST_P(AttackTest, ListLengthOf32Ones) {
  expect_stopped<std::vector<std::uint8_t>>("list_length_max", FailureKind::kTrap,
                                            "outside the guest's memory", "func() -> list<u8>");
}
TEST_P(AttackTest, ListSizeThatWrapsToZero) {
  expect_stopped<std::vector<std::uint64_t>>("list_size_overflow", FailureKind::kTrap,
                                             "outside the guest's memory", "func() -> list<u64>");
}
TEST_P(AttackTest, ListMisaligned) {
  expect_stopped<std::vector<std::uint64_t>>("list_misaligned", FailureKind::kTrap, "not aligned",
                                             "func() -> list<u64>");
}
TEST_P(AttackTest, ResultOutOfBounds) {
  expect_stopped<std::string>("result_out_of_bounds", FailureKind::kTrap, "out of bounds", kToText);
}
TEST_P(AttackTest, ResultMisaligned) {
  expect_stopped<std::string>("result_misaligned", FailureKind::kTrap, "not aligned", kToText);
}
TEST_P(AttackTest, SurrogateChar) {
  expect_stopped<char32_t>("bad_char", FailureKind::kTrap, "Unicode scalar value", "func() -> char");
}
TEST_P(AttackTest, PostReturnTraps) {
  expect_stopped<std::string>("post_return_trap", FailureKind::kTrap, "unreachable", kToText);
}

// The C++ a binding would have for the types of bad_discriminant.wat and bad_enum.wat.
struct Choice {
  struct None {
    using Payload = void;
  };
  struct Number {
    using Payload = U32;
    U32 value = 0;
  };
  struct Text {
    using Payload = std::string;
    std::string value;
  };
  std::variant<None, Number, Text> cases;
};
enum class Colour : std::uint8_t { kRed, kGreen, kBlue };

}  // namespace
}  // namespace berth::hostile

template <>
struct berth::abi::Abi<berth::hostile::Choice>
    : VariantAbi<berth::hostile::Choice, berth::hostile::Choice::None, berth::hostile::Choice::Number,
                 berth::hostile::Choice::Text> {};
template <>
struct berth::abi::Abi<berth::hostile::Colour> : EnumAbi<berth::hostile::Colour, 3> {};

namespace berth::hostile {
namespace {

TEST_P(AttackTest, WrongDiscriminantOfAVariant) {
  expect_stopped<Choice>("bad_discriminant", FailureKind::kTrap, "discriminant",
                         "func() -> variant{none, number(u32), text(string)}");
}
TEST_P(AttackTest, WrongDiscriminantOfAnOption) {
  expect_stopped<std::optional<U32>>("bad_option", FailureKind::kTrap, "discriminant",
                                     "func() -> option<u32>");
}
TEST_P(AttackTest, WrongEnumValue) {
  expect_stopped<Colour>("bad_enum", FailureKind::kTrap, "discriminant", "func() -> enum{red, green, blue}");
}

TEST_P(AttackTest, ForgedHandle) { expect_stopped<U32>("handle_forged", FailureKind::kTrap, "handle", kRun); }
TEST_P(AttackTest, HandleDroppedTwice) {
  expect_stopped<U32>("handle_double_drop", FailureKind::kTrap, "handle", kRun);
}
TEST_P(AttackTest, HandleUsedAfterItsDrop) {
  expect_stopped<U32>("handle_used_after_drop", FailureKind::kTrap, "handle", kRun);
}
TEST_P(AttackTest, HandleGivenAwayTwice) {
  expect_stopped<U32>("handle_given_twice", FailureKind::kTrap, "handle", kRun);
}

TEST_P(AttackTest, LeakedHandlesGoWithTheInstance) {
  std::optional<Victim> victim = load("handle_leaked");
  ASSERT_TRUE(victim);
  Result<U32> made = victim->call<U32>("attack", kRun);
  ASSERT_TRUE(made) << made.error().to_string();
  EXPECT_EQ(*made, 100u);
  EXPECT_EQ(victim->things().alive(), 100);
  victim->discard();
  EXPECT_EQ(victim->things().alive(), 0);
}

TEST_P(AttackTest, HandlesAreBounded) {
  expect_stopped<U32>("handle_flood", FailureKind::kHost, "too many host resources", kRun);
}

TEST_P(AttackTest, BorrowKeptPastItsCall) {
  std::optional<Victim> victim = load("borrow_kept");
  ASSERT_TRUE(victim);
  int alive = 0;
  Thing thing(alive);
  Result<U32> result =
      victim->call<U32, Thing*>("attack", "func(thing: borrow<berth:hostile/things#thing>) -> u32", &thing);
  ASSERT_FALSE(result);
  EXPECT_EQ(victim->failure(), FailureKind::kTrap) << result.error().to_string();
  EXPECT_THAT(result.error().message(), HasSubstr("borrow"));
  ASSERT_TRUE(victim->renew());
  EXPECT_TRUE(victim->ping());
}

TEST_P(AttackTest, InstancesAreBoundedByThePool) {
  std::optional<Victim> victim = load("unreachable");
  ASSERT_TRUE(victim);
  std::vector<Victim> others;
  Result<void> made;
  for (std::uint32_t i = 0; i <= engine_options().max_instances && made; ++i) {
    std::optional<Victim> other = load("unreachable");
    ASSERT_TRUE(other);
    made = other->renew();
    others.push_back(std::move(*other));
  }
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), Code::kBusy) << made.error().to_string();
  others.clear();
  EXPECT_TRUE(victim->ping());
}

INSTANTIATE_TEST_SUITE_P(Paths, AttackTest, testing::Values(Path::kInline, Path::kFibre),
                         [](const auto& tested) {
                           return tested.param == Path::kInline ? "Inline" : "Fibre";
                         });

// The clock here is the test: it ticks by hand and counts.
TEST(DeadlineTest, AnEndlessLoopIsStoppedWithinTwoTicksOfItsDeadline) {
  abi::EngineOptions options = engine_options();
  options.tick = std::chrono::microseconds::zero();
  auto engine = abi::Engine::create(options);
  ASSERT_TRUE(engine) << engine.error().to_string();
  auto victim = Victim::load(*engine, guest_binary("endless_loop"));
  ASSERT_TRUE(victim) << victim.error().to_string();
  ASSERT_TRUE(victim->renew());
  victim->deadline_ticks = kDeadlineTicks;
  std::atomic<bool> over = false;
  std::atomic<int> ticks = 0;
  std::thread clock([&] {
    while (!over) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      if (over) break;
      ++ticks;
      (*engine)->tick();
    }
  });
  Result<U32> result = victim->call<U32>("attack", kRun);
  over = true;
  clock.join();
  EXPECT_FALSE(result);
  EXPECT_EQ(victim->failure(), FailureKind::kLimitTime);
  EXPECT_GE(ticks, static_cast<int>(kDeadlineTicks));
  EXPECT_LE(ticks, static_cast<int>(kDeadlineTicks) + 2);
}

}  // namespace
}  // namespace berth::hostile
