// Compile bombs: each ends in the compiler's process, and nobody else notices.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "bombs.h"
#include "host/component/tiers.h"
#include "tests/host/counter.h"

namespace berth::tiers {
namespace {

using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

// The component is in memory up to three times (here, for the child, and while the test writes it).
constexpr long kMemoryOverBombKiB = 32 * 1024;
constexpr std::chrono::milliseconds kSlowCall{100};

// Highest resident memory of this process since the last reset, in KiB.
void reset_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }
long peak_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::atol(line.c_str() + 6);
  ADD_FAILURE() << "no VmHWM in /proc/self/status";
  return 0;
}

struct Bomb {
  const char* name;
  std::function<Bytes()> make;
};

class BombTest : public testing::TestWithParam<std::tuple<Bomb, bool>> {};

TEST_P(BombTest, EndsWithALimitAndHurtsNobody) {
  const auto& [bomb, winch] = GetParam();
  host::test::Dock dock({.max_instances = 100}, 1);
  const auto counter = dock.start({.instances = host::InstancePolicy::pool(1)});
  const auto engine = winch ? *abi::Engine::create_beside(*dock.engine, abi::Compiler::kWinch) : dock.engine;
  const host::Compiler compiler({.program = BERTH_BINARY_DIR "/berth",
                                 .limits = {.memory_bytes = std::uint64_t{384} << 20,
                                            .cpu = std::chrono::seconds(1),
                                            .wall = std::chrono::seconds(100)}});
  const Bytes bytes = bomb.make();

  // Somebody is being served meanwhile.
  std::atomic<bool> stop = false;
  std::vector<Clock::duration> calls;
  std::jthread caller([&] {
    while (!stop || calls.size() < 200) {
      const auto begin = Clock::now();
      ASSERT_TRUE(counter.call({}, [](host::test::Counter& c) { return c.add(1); }));
      calls.push_back(Clock::now() - begin);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  reset_peak();
  const long before = peak_kib();
  const auto begin = Clock::now();
  const auto code = compiler.compile(bytes, *engine, host::Urgency::kWaitedFor, {});
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin);
  const long grown = peak_kib() - before;
  stop = true;
  caller.join();

  if (!code) {
    EXPECT_TRUE(code.error().code() == Code::kResourceExhausted ||
                code.error().code() == Code::kInvalidArgument)
        << code.error().to_string();
    if (code.error().code() == Code::kResourceExhausted)
      EXPECT_THAT(code.error().message(), HasSubstr("the compiler's limit of "));
  }
  EXPECT_LT(grown, kMemoryOverBombKiB + static_cast<long>(bytes.size() / 1024));
  std::ranges::sort(calls);
  ASSERT_GT(calls.size(), 100u);
  EXPECT_LT(calls[calls.size() * 99 / 100], kSlowCall);
  const std::string said =
      code ? "compiled, " + std::to_string(code->size()) + " bytes" : code.error().message();
  std::cout << bomb.name << " (" << bytes.size() << " bytes) after " << took.count() << " ms: " << said
            << "; memory +" << grown << " KiB; slowest of 100 calls "
            << std::chrono::duration_cast<std::chrono::microseconds>(calls[calls.size() * 99 / 100]).count()
            << " us\n";
}

INSTANTIATE_TEST_SUITE_P(
    Each, BombTest,
    testing::Combine(testing::Values(Bomb{"very_many_functions", very_many_functions},
                                     Bomb{"huge_function", [] { return huge_function(); }},
                                     Bomb{"deep_nesting", [] { return deep_nesting(); }},
                                     Bomb{"nested_branches", [] { return nested_branches(); }},
                                     Bomb{"very_many_data_segments",
                                          [] { return very_many_data_segments(); }}),
                     testing::Bool()),
    [](const auto& info) {
      return std::string(std::get<0>(info.param).name) + (std::get<1>(info.param) ? "_winch" : "_cranelift");
    });

// That the measure can fail at all.
TEST(PeakMemory, IsSeen) {
  reset_peak();
  const long before = peak_kib();
  Bytes touched(Bytes::size_type{64} << 20, 1);
  asm volatile("" : : "r"(touched.data()) : "memory");  // or nobody would need it
  EXPECT_GT(peak_kib() - before, kMemoryOverBombKiB);
}

// Little code, but its types take gigabytes when they are written out, which happens in the host.
TEST(TypesBomb, IsRefusedBeforeItsTypesAreWrittenOut) {
  const auto engine = *abi::Engine::create({.max_instances = 10});
  const Bytes bytes = *abi::parse_text(doubled_types());
  reset_peak();
  const long before = peak_kib();
  const auto component = abi::Component::compile(engine, bytes);
  ASSERT_FALSE(component);
  EXPECT_EQ(component.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(component.error().message(), HasSubstr("over 16 MiB of text"));
  EXPECT_LT(peak_kib() - before, 128 * 1024);
}

}  // namespace
}  // namespace berth::tiers
