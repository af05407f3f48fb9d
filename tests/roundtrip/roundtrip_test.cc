// Property test: random values of every WIT type, and of random nestings, go host -> guest -> host
// unchanged; half of them also guest -> host -> guest on the way.
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "roundtrip/suite.h"
#include "roundtrip_basics_suite.h"
#include "roundtrip_nestings_suite.h"
#include "roundtrip_wide_suite.h"

namespace berth::roundtrip {
namespace {

constexpr int kValues = 10'000;  // for each function and guest
// wit-bindgen's C++ guests lose the memory of list parameters: a new instance in time.
constexpr std::uint64_t kMemoryBeforeRenewal = 24ull << 20;

std::vector<std::uint8_t> read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// BERTH_SEED replaces the seed of the values; the types were generated with the one of the build.
std::uint64_t seed(std::uint64_t built_with) {
  const char* given = std::getenv("BERTH_SEED");
  return given == nullptr ? built_with : std::strtoull(given, nullptr, 0);
}

// One guest and its current instance.
template <class Guest>
class Runner {
 public:
  static Result<Runner> create(const Suite<Guest>& suite, const std::string& path) {
    const auto engine = BERTH_TRY(abi::Engine::create({}));
    auto linker = BERTH_TRY(abi::Linker::create(engine));
    BERTH_TRY(suite.add_host(linker));
    const auto component = BERTH_TRY(abi::Component::compile(engine, read(path)));
    Runner runner(suite, BERTH_TRY(linker.link(component)));
    BERTH_TRY(runner.renew());
    return runner;
  }

  Result<void> renew() {
    guest_.reset();
    instance_.reset();
    auto state = abi::InstanceState::create();
    suite_->provide_host(*state);
    instance_ = BERTH_TRY(abi::Instance::create(pre_, std::move(state), {}));
    guest_ = BERTH_TRY(suite_->open(*instance_));
    return {};
  }
  Result<void> renew_if_large(bool through) {
    if (instance_->memory_bytes() < kMemoryBeforeRenewal) return {};
    BERTH_TRY(renew());
    return guest_->set_through(through);
  }
  Guest& guest() { return *guest_; }

 private:
  Runner(const Suite<Guest>& suite, std::shared_ptr<const abi::Pre> pre) : suite_(&suite), pre_(std::move(pre)) {}
  const Suite<Guest>* suite_;
  std::shared_ptr<const abi::Pre> pre_;
  std::unique_ptr<abi::Instance> instance_;
  std::unique_ptr<Guest> guest_;
};

template <class Guest>
void run(const Suite<Guest>& suite, std::string_view guest_name, std::uint64_t built_with, Integers integers) {
  const std::string path = std::string(BERTH_BINARY_DIR "/guests/").append(guest_name).append(".wasm");
  auto runner = Runner<Guest>::create(suite, path);
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
        ADD_FAILURE() << c.name << ": " << c.type << "\nvalue " << i << (through ? ", through the host" : "") << ", guest "
                      << guest_name << ", seed of the values " << base << ", of the types " << built_with << "\n"
                      << *problem;
        ASSERT_TRUE(runner->renew());
        break;
      }
      const auto renewed = runner->renew_if_large(through);
      ASSERT_TRUE(renewed) << renewed.error().to_string();
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::cout << guest_name << ": " << suite.cases.size() << " functions, " << kValues << " values each, seed " << base << ", "
            << took.count() << " s\n";
}

namespace basics = ::wit::basics::berth::basics;
namespace nestings = ::wit::nestings::berth::nestings;
namespace wide = ::wit::wide::berth::wide;

TEST(RoundTrip, EveryTypeThroughCpp) { run(basics::suite(), "roundtrip_basics_cpp", basics::kSeed, Integers::kExact); }
TEST(RoundTrip, EveryTypeThroughJavaScript) {
  run(basics::suite(), "roundtrip_basics_js", basics::kSeed, Integers::kUpTo53Bits);
}
TEST(RoundTrip, NestingsThroughCpp) { run(nestings::suite(), "roundtrip_nestings_cpp", nestings::kSeed, Integers::kExact); }
TEST(RoundTrip, NestingsThroughJavaScript) {
  run(nestings::suite(), "roundtrip_nestings_js", nestings::kSeed, Integers::kUpTo53Bits);
}
TEST(RoundTrip, WideVariantThroughCpp) { run(wide::suite(), "roundtrip_wide_cpp", wide::kSeed, Integers::kExact); }
TEST(RoundTrip, WideVariantThroughJavaScript) { run(wide::suite(), "roundtrip_wide_js", wide::kSeed, Integers::kUpTo53Bits); }

}  // namespace
}  // namespace berth::roundtrip
