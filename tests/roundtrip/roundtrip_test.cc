// Property test: random values of every WIT type, and of random nestings, go host -> guest -> host
// unchanged; half of them also guest -> host -> guest on the way.
#include <chrono>
#include <iostream>
#include <optional>
#include <string>
#include <tuple>

#include "roundtrip/packages.h"
#include "roundtrip_basics_suite.h"
#include "roundtrip_nestings_suite.h"
#include "roundtrip_wide_suite.h"

namespace berth::roundtrip {

std::vector<HostPart> all_hosts() {
  return {basics::suite().host, nestings::suite().host, wide::suite().host, handles_host()};
}

namespace {

struct Package {
  const char* name;
  Suite (*suite)();
};
constexpr Package kPackages[] = {
    {"basics", basics::suite}, {"nestings", nestings::suite}, {"wide", wide::suite}};

class RoundTrip : public RoundTripTest, public testing::WithParamInterface<std::tuple<Package, Toolchain>> {};

TEST_P(RoundTrip, ComesBackUnchanged) {
  const auto& [package, made_with] = GetParam();
  const Suite suite = package.suite();
  auto runner = Runner::create(*guests_, suite, made_with, package.name);
  ASSERT_TRUE(runner) << runner.error().to_string();
  const std::uint64_t base = seed(suite.seed);
  const auto start = std::chrono::steady_clock::now();
  const int values = kValues / made_with.share;
  for (std::size_t number = 0; number < suite.cases.size(); ++number) {
    const EchoCase& c = suite.cases[number];
    // Its own sequence for each function, so that one can be repeated alone.
    Source source(base * 1'000 + number, made_with.integers);
    for (int i = 0; i < values; ++i) {
      const bool through = i >= values / 2;
      if (i == 0 || i == values / 2) ASSERT_TRUE(runner->set_through(through));
      if (const auto problem = c.once(runner->exports(), source)) {
        ADD_FAILURE() << c.name << ": " << c.type << "\nvalue " << i << (through ? ", through the host" : "")
                      << ", guest " << made_with.name << ", seed of the values " << base << ", of the types "
                      << suite.seed << "\n"
                      << *problem;
        ASSERT_TRUE(runner->renew());
        break;
      }
      const auto renewed = runner->renew_if_large(through);
      ASSERT_TRUE(renewed) << renewed.error().to_string();
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::cout << package.name << " through " << made_with.name << ": " << suite.cases.size() << " functions, "
            << values << " values each, seed " << base << ", " << took.count() << " s\n";
}

INSTANTIATE_TEST_SUITE_P(Packages, RoundTrip,
                         testing::Combine(testing::ValuesIn(kPackages),
                                          testing::Values(kCpp, kPython, kJavaScript)),
                         [](const auto& tested) {
                           return std::string(std::get<Package>(tested.param).name) +
                                  std::get<Toolchain>(tested.param).name;
                         });

}  // namespace
}  // namespace berth::roundtrip
