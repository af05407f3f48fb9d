// Property test: random values of every WIT type, and of random nestings, go host -> guest -> host
// unchanged; half of them also guest -> host -> guest on the way.
#include <chrono>
#include <iostream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "roundtrip/runner.h"
#include "roundtrip/suite.h"
#include "roundtrip_basics_suite.h"
#include "roundtrip_nestings_suite.h"
#include "roundtrip_wide_suite.h"

namespace berth::roundtrip {
namespace {

constexpr int kValues = 10'000;  // for each function and guest

template <class Guest>
void run(const Suite<Guest>& suite, std::string_view guest_name, std::uint64_t built_with,
         Integers integers) {
  auto runner = Runner<Guest>::create(suite, guest_name);
  ASSERT_TRUE(runner) << runner.error().to_string();
  const std::uint64_t base = seed(built_with);
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t number = 0; number < suite.cases.size(); ++number) {
    const EchoCase<Guest>& c = suite.cases[number];
    // Its own sequence for each function, so that one can be repeated alone.
    Source source(base * 1'000 + number, integers);
    for (int i = 0; i < kValues; ++i) {
      const bool through = i >= kValues / 2;
      if (i == 0 || i == kValues / 2) ASSERT_TRUE(runner->guest().set_through(through));
      if (const auto problem = c.once(runner->guest(), source)) {
        ADD_FAILURE() << c.name << ": " << c.type << "\nvalue " << i << (through ? ", through the host" : "")
                      << ", guest " << guest_name << ", seed of the values " << base << ", of the types "
                      << built_with << "\n"
                      << *problem;
        ASSERT_TRUE(runner->renew());
        break;
      }
      const auto renewed = runner->renew_if_large(through);
      ASSERT_TRUE(renewed) << renewed.error().to_string();
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::cout << guest_name << ": " << suite.cases.size() << " functions, " << kValues << " values each, seed "
            << base << ", " << took.count() << " s\n";
}

namespace basics = ::wit::basics::berth::basics;
namespace nestings = ::wit::nestings::berth::nestings;
namespace wide = ::wit::wide::berth::wide;

TEST(RoundTrip, EveryTypeThroughCpp) {
  run(basics::suite(), "roundtrip_basics_cpp", basics::kSeed, Integers::kExact);
}
TEST(RoundTrip, EveryTypeThroughJavaScript) {
  run(basics::suite(), "roundtrip_basics_js", basics::kSeed, Integers::kUpTo53Bits);
}
TEST(RoundTrip, NestingsThroughCpp) {
  run(nestings::suite(), "roundtrip_nestings_cpp", nestings::kSeed, Integers::kExact);
}
TEST(RoundTrip, NestingsThroughJavaScript) {
  run(nestings::suite(), "roundtrip_nestings_js", nestings::kSeed, Integers::kUpTo53Bits);
}
TEST(RoundTrip, WideVariantThroughCpp) {
  run(wide::suite(), "roundtrip_wide_cpp", wide::kSeed, Integers::kExact);
}
TEST(RoundTrip, WideVariantThroughJavaScript) {
  run(wide::suite(), "roundtrip_wide_js", wide::kSeed, Integers::kUpTo53Bits);
}

}  // namespace
}  // namespace berth::roundtrip
