// Hostile bytes, loaded: whatever is wrong with them ends as an error that says so, never as a crash,
// and never takes more memory than the cap.
#include <gmock/gmock.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>

#include "tests/hostile/victim.h"

namespace berth::hostile {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// What all the damaged inputs of one test together may add to the process: far below what one
// 4 GiB allocation would add, far above what the compiler needs for 35 KB of code. AddressSanitizer
// keeps hundreds of MiB of what was freed, and pads the rest.
//
// Of damaged inputs one of so many is tried, so that each bit of a byte has its turn: most of the time is the
// compiler's, which no sanitizer watches.
#if __has_feature(address_sanitizer)
constexpr long kMemoryCapKiB = 1024 * 1024;
constexpr int kEvery = 3;
#else
constexpr long kMemoryCapKiB = 64 * 1024;
constexpr int kEvery = 7;
#endif
// Of what was damaged: a flipped bit can make an endless loop, and whatever else ends at it has not crashed
// either.
constexpr std::uint64_t kDamagedTicks = 10;

// Highest resident memory of this process since the last reset, in KiB.
class PeakMemory {
 public:
  PeakMemory() {
    std::ofstream("/proc/self/clear_refs") << "5";
    start_ = peak();
  }
  [[nodiscard]] long growth_kib() const { return peak() - start_; }

 private:
  static long peak() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("VmHWM:")) return std::atol(line.c_str() + 6);
    ADD_FAILURE() << "no VmHWM in /proc/self/status";
    return 0;
  }
  long start_;
};

class LoadTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto engine = abi::Engine::create(engine_options());
    ASSERT_TRUE(engine) << engine.error().to_string();
    engine_ = std::move(*engine);
  }
  static void TearDownTestSuite() { engine_.reset(); }

  // True when the bytes are accepted; then they are called too, under the usual limits.
  static bool survive(std::span<const std::uint8_t> bytes) {
    Result<Victim> victim = Victim::load(engine_, bytes);
    // What `berth check` reads accepts at least what compiles.
    const Result<abi::Shape> shape = abi::read_shape(bytes);
    if (!shape) EXPECT_NE(shape.error().code(), Code::kInternal) << shape.error().to_string();
    if (victim) EXPECT_TRUE(shape) << shape.error().to_string();
    if (!victim) {
      EXPECT_FALSE(victim.error().message().empty());
      EXPECT_NE(victim.error().code(), Code::kInternal) << victim.error().to_string();
      return false;
    }
    victim->deadline_ticks = kDamagedTicks;
    if (Result<U32> ping = victim->ping(); !ping) EXPECT_NE(ping.error().code(), Code::kInternal);
    if (!victim->renew()) return true;
    if (Result<U32> done = victim->call<U32>("attack", "func() -> u32"); !done)
      EXPECT_NE(done.error().code(), Code::kInternal);
    return true;
  }
  static void expect_healthy() {
    auto victim = Victim::load(engine_, guest_binary("unreachable"));
    ASSERT_TRUE(victim) << victim.error().to_string();
    EXPECT_TRUE(victim->ping());
  }

  using U32 = std::uint32_t;
  static std::shared_ptr<abi::Engine> engine_;
};

std::shared_ptr<abi::Engine> LoadTest::engine_;

TEST_F(LoadTest, ACoreModuleIsNotAComponent) {
  auto result = Victim::load(engine_, guest_binary("core_module"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(result.error().message(), AllOf(HasSubstr("module"), HasSubstr("component")));
}

TEST_F(LoadTest, AnImportOfTheWrongTypeShowsBothTypes) {
  auto result = Victim::load(engine_, guest_binary("wrong_import_type"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(result.error().message(), AllOf(HasSubstr("berth:hostile/things"), HasSubstr("make"),
                                              HasSubstr("func(name: string) -> u64"),
                                              HasSubstr("func() -> own<berth:hostile/things#thing>")));
}

TEST_F(LoadTest, AnUnknownImportIsNamed) {
  auto result = Victim::load(engine_, guest_binary("unknown_import"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(result.error().message(), HasSubstr("berth:hostile/nowhere"));
}

TEST_F(LoadTest, AnExportOfTheWrongTypeShowsBothTypes) {
  auto victim = Victim::load(engine_, guest_binary("bad_utf8"));
  ASSERT_TRUE(victim);
  auto result = victim->call<U32>("attack", "func() -> u32");
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message(), AllOf(HasSubstr("func() -> u32"), HasSubstr("func() -> string")));
}

TEST_F(LoadTest, AMinimumOfFourGibibytesIsRefused) {
  const PeakMemory memory;
  auto victim = Victim::load(engine_, guest_binary("memory_minimum"));
  if (victim) {
    auto made = victim->renew();
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().message(), HasSubstr("memory"));
  } else {
    EXPECT_THAT(victim.error().message(), HasSubstr("memory"));
  }
  EXPECT_LT(memory.growth_kib(), kMemoryCapKiB);
  expect_healthy();
}

TEST_F(LoadTest, NothingAndNonsenseAreNotComponents) {
  const std::vector<std::vector<std::uint8_t>> inputs = {
      {}, {0}, {0, 'a', 's', 'm'}, {0, 'a', 's', 'm', 0x0d, 0, 1}, std::vector<std::uint8_t>(100'000, 0xff)};
  for (const auto& input : inputs) EXPECT_FALSE(survive(input));
  expect_healthy();
}

TEST_F(LoadTest, TruncatedAtEvery64thByte) {
  const std::vector<std::uint8_t> whole = read_file(BERTH_BINARY_DIR "/guests/hello.wasm");
  ASSERT_GT(whole.size(), 10'000u);
  const PeakMemory memory;
  std::size_t accepted = 0;
  for (std::size_t size = 0; size < whole.size(); size += 64)
    accepted += survive(std::span(whole).first(size)) ? 1 : 0;
  // A cut that falls exactly between two sections can leave a smaller, valid component.
  EXPECT_LE(accepted, 2u);
  EXPECT_LT(memory.growth_kib(), kMemoryCapKiB);
  RecordProperty("peak_growth_kib", static_cast<int>(memory.growth_kib()));
  expect_healthy();
}

TEST_F(LoadTest, BitsOfASmallComponentFlipped) {
  std::vector<std::uint8_t> bytes = guest_binary("handle_leaked");
  ASSERT_FALSE(bytes.empty());
  const PeakMemory memory;
  for (std::size_t bit = 0; bit < bytes.size() * 8; bit += kEvery) {
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    survive(bytes);
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
  }
  EXPECT_LT(memory.growth_kib(), kMemoryCapKiB);
  RecordProperty("peak_growth_kib", static_cast<int>(memory.growth_kib()));
  expect_healthy();
}

TEST_F(LoadTest, RandomBitsOfARealComponentFlipped) {
  const std::vector<std::uint8_t> whole = read_file(BERTH_BINARY_DIR "/guests/hello.wasm");
  ASSERT_GT(whole.size(), 10'000u);
  std::mt19937 random(20'26);  // the same inputs every time
  const PeakMemory memory;
  for (int round = 0; round < 100; round += kEvery) {
    std::vector<std::uint8_t> bytes = whole;
    for (int flips = 1 + round % 4; flips > 0; --flips)
      bytes[random() % bytes.size()] ^= static_cast<std::uint8_t>(1u << (random() % 8));
    survive(bytes);
  }
  EXPECT_LT(memory.growth_kib(), kMemoryCapKiB);
  RecordProperty("peak_growth_kib", static_cast<int>(memory.growth_kib()));
  expect_healthy();
}

}  // namespace
}  // namespace berth::hostile
