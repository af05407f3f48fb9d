// Hostile guests, called: each attack ends with a clear error, and a fresh instance serves the next call.
#include <gmock/gmock.h>

#include <chrono>

#include "abi/test_clock.h"
#include "tests/hostile/attacks.h"
#include "tests/hostile/victim.h"

namespace berth::hostile {
namespace {

using abi::FailureKind;
using testing::HasSubstr;
using U32 = std::uint32_t;

constexpr std::string_view kRun = "func() -> u32";

std::string path_name(Path path) { return path == Path::kInline ? "Inline" : "Fibre"; }

class AttackTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto engine = abi::Engine::create(engine_options());
    ASSERT_TRUE(engine) << engine.error().to_string();
    engine_ = std::move(*engine);
  }
  static void TearDownTestSuite() { engine_.reset(); }

  static std::optional<Victim> load(std::string_view name, Path path) {
    auto victim = Victim::load(engine_, guest_binary(name), path);
    if (victim) return std::move(*victim);
    ADD_FAILURE() << name << ": " << victim.error().to_string();
    return std::nullopt;
  }

  static std::shared_ptr<abi::Engine> engine_;
};

std::shared_ptr<abi::Engine> AttackTest::engine_;

// The attacks that must be stopped, one by one.
class Stopped : public AttackTest, public testing::WithParamInterface<std::tuple<Attack, Path>> {};

// The attack fails as it must; then a fresh instance of the same component serves.
TEST_P(Stopped, WithAClearErrorAndTheNextCallIsServed) {
  const auto& [attack, path] = GetParam();
  std::optional<Victim> victim = load(attack.guest, path);
  ASSERT_TRUE(victim);
  for (int round = 0; round < 3; ++round) {
    victim->deadline_ticks = attack.kind == FailureKind::kLimitTime ? kDeadlineTicks : kPatientTicks;
    Result<void> result = victim->attack(attack);
    ASSERT_FALSE(result) << "the attack went through";
    EXPECT_EQ(victim->failure(), attack.kind) << result.error().to_string();
    EXPECT_THAT(result.error().message(), HasSubstr(attack.words));
    EXPECT_TRUE(victim->instance().dead());
    // What is dead stays dead.
    EXPECT_FALSE(victim->ping());

    victim->deadline_ticks = kPatientTicks;
    ASSERT_TRUE(victim->renew());
    Result<U32> ping = victim->ping();
    ASSERT_TRUE(ping) << ping.error().to_string();
    EXPECT_EQ(*ping, 7u);
    // A well instance is attacked next, so that a call before it makes no difference.
  }
}

std::vector<Attack> stopped() {
  std::vector<Attack> out = attacks();
  std::erase_if(out, [](const Attack& attack) { return attack.kind == FailureKind::kNone; });
  return out;
}

INSTANTIATE_TEST_SUITE_P(Attacks, Stopped,
                         testing::Combine(testing::ValuesIn(stopped()),
                                          testing::Values(Path::kInline, Path::kFibre)),
                         [](const auto& tested) {
                           return std::string(std::get<0>(tested.param).guest) + "_" +
                                  path_name(std::get<1>(tested.param));
                         });

// What is not stopped, but bounded, and what else must hold.
class Bounded : public AttackTest, public testing::WithParamInterface<Path> {
 protected:
  static std::optional<Victim> load(std::string_view name) { return AttackTest::load(name, GetParam()); }
};

TEST_P(Bounded, MemoryIsExactToThePage) {
  std::optional<Victim> victim = load("memory_pages");
  ASSERT_TRUE(victim);
  Result<U32> pages = victim->call<U32>("attack", kRun);
  ASSERT_TRUE(pages) << pages.error().to_string();
  EXPECT_EQ(*pages, kMaxMemoryBytes / kPageBytes);
  EXPECT_EQ(victim->instance().memory_bytes(), kMaxMemoryBytes);
}

TEST_P(Bounded, TablesAreExact) {
  std::optional<Victim> victim = load("table_bomb");
  ASSERT_TRUE(victim);
  Result<U32> elements = victim->call<U32>("attack", kRun);
  ASSERT_TRUE(elements) << elements.error().to_string();
  EXPECT_EQ(*elements, 901u);  // 1 and then a hundred at a time: the next hundred would pass 1,000
}

TEST_P(Bounded, LeakedHandlesGoWithTheInstance) {
  std::optional<Victim> victim = load("handle_leaked");
  ASSERT_TRUE(victim);
  Result<U32> made = victim->call<U32>("attack", kRun);
  ASSERT_TRUE(made) << made.error().to_string();
  EXPECT_EQ(*made, 100u);
  EXPECT_EQ(victim->things().alive(), 100);
  victim->discard();
  EXPECT_EQ(victim->things().alive(), 0);
}

TEST_P(Bounded, InstancesByThePool) {
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

TEST_P(Bounded, TrapShowsTheGuestsStack) {
  std::optional<Victim> victim = load("unreachable");
  ASSERT_TRUE(victim);
  Result<U32> result = victim->call<U32>("attack", kRun);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().detail(), HasSubstr("attack"));
}

INSTANTIATE_TEST_SUITE_P(Paths, Bounded, testing::Values(Path::kInline, Path::kFibre),
                         [](const auto& tested) { return path_name(tested.param); });

// The clock here is the test: it ticks so many times and no more.
TEST(DeadlineTest, AnEndlessLoopIsStoppedWithinTwoTicksOfItsDeadline) {
  abi::EngineOptions options = engine_options();
  options.tick = std::chrono::microseconds::zero();
  auto engine = abi::Engine::create(options);
  ASSERT_TRUE(engine) << engine.error().to_string();
  auto victim = Victim::load(*engine, guest_binary("endless_loop"));
  ASSERT_TRUE(victim) << victim.error().to_string();
  ASSERT_TRUE(victim->renew());
  victim->deadline_ticks = kDeadlineTicks;
  const abi::TestClock clock(**engine, kDeadlineTicks + abi::kLateTicks);
  Result<U32> result = victim->call<U32>("attack", kRun);
  const std::uint64_t ticked = clock.ticked();
  EXPECT_FALSE(result);
  EXPECT_EQ(victim->failure(), FailureKind::kLimitTime);
  EXPECT_GE(ticked, kDeadlineTicks);
  EXPECT_LE(ticked, kDeadlineTicks + abi::kLateTicks);
}

}  // namespace
}  // namespace berth::hostile
