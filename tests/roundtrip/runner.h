// Runner: one guest of a round-trip suite, compiled and instantiated.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "abi/component.h"
#include "abi/engine.h"
#include "abi/instance.h"
#include "abi/linker.h"
#include "base/error.h"
#include "roundtrip/suite.h"

namespace berth::roundtrip {

// wit-bindgen's C++ guests lose the memory of list parameters: a new instance in time.
inline constexpr std::uint64_t kMemoryBeforeRenewal = 24ull << 20;

inline std::vector<std::uint8_t> read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// BERTH_SEED replaces the seed of the values; the types were generated with the one of the build.
inline std::uint64_t seed(std::uint64_t built_with) {
  const char* given = std::getenv("BERTH_SEED");
  return given == nullptr ? built_with : std::strtoull(given, nullptr, 0);
}

// One guest and its current instance.
// One thread at a time.
template <class Guest>
class Runner {
 public:
  // `name` is a guest of the build; `suite` outlives the runner.
  static Result<Runner> create(const Suite<Guest>& suite, std::string_view name) {
    const std::string path = std::string(BERTH_BINARY_DIR "/guests/").append(name).append(".wasm");
    // CMake runs the C++ guests once more with Winch: both compilers' code must mean the same.
    const char* compiler = std::getenv("BERTH_TEST_COMPILER");
    const bool winch = compiler != nullptr && std::string_view(compiler) == "winch";
    const auto engine = BERTH_TRY(
        abi::Engine::create({.compiler = winch ? abi::Compiler::kWinch : abi::Compiler::kCranelift}));
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
    state_ = abi::InstanceState::create();
    suite_->provide_host(*state_);
    instance_ = BERTH_TRY(abi::Instance::create(pre_, state_, {}));
    guest_ = BERTH_TRY(suite_->open(*instance_));
    return {};
  }
  Result<void> renew_if_large(bool through) {
    if (instance_->memory_bytes() < kMemoryBeforeRenewal) return {};
    BERTH_TRY(renew());
    return guest_->set_through(through);
  }
  Guest& guest() { return *guest_; }
  abi::InstanceState& state() { return *state_; }

 private:
  Runner(const Suite<Guest>& suite, std::shared_ptr<const abi::Pre> pre)
      : suite_(&suite), pre_(std::move(pre)) {}
  const Suite<Guest>* suite_;
  std::shared_ptr<const abi::Pre> pre_;
  std::shared_ptr<abi::InstanceState> state_;
  std::unique_ptr<abi::Instance> instance_;
  std::unique_ptr<Guest> guest_;
};

}  // namespace berth::roundtrip
