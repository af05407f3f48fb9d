// Guests and Runner: the guests of the build, each compiled and linked once, and an instance of one.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "abi/engine.h"
#include "abi/instance.h"
#include "abi/linker.h"
#include "base/error.h"
#include "roundtrip/source.h"
#include "roundtrip/suite.h"

namespace berth::roundtrip {

// What a guest is made with, and so what it can hold.
struct Toolchain {
  const char* name;
  const char* suffix;  // of its files
  Integers integers;
  bool one_file;  // for all packages, or one for each
  int share;      // gets one in so many of the values
};
inline constexpr Toolchain kCpp{"Cpp", "cpp", Integers::kExact, false, 1};
// componentize-qjs holds 64-bit integers as doubles. A third toolchain, and by far the slowest.
inline constexpr Toolchain kJavaScript{"JavaScript", "js", Integers::kUpTo53Bits, false, 10};
inline constexpr Toolchain kPython{"Python", "py", Integers::kExact, true, 1};

// CMake runs the C++ guests once more with BERTH_TEST_COMPILER=winch.
[[nodiscard]] bool with_winch();
// BERTH_SEED replaces the seed of the values; the types were generated with the one of the build.
[[nodiscard]] std::uint64_t seed(std::uint64_t built_with);

// An engine, and a host that has every package's part.
// One thread at a time.
class Guests final {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Guests>> create(std::vector<HostPart> hosts);

  // The guest of a package, compiled and linked when it is first asked for.
  [[nodiscard]] Result<std::shared_ptr<const abi::Pre>> find(const Toolchain& made_with,
                                                             std::string_view package);
  void provide(abi::InstanceState& state) const;

 private:
  Guests(std::vector<HostPart> hosts, std::shared_ptr<const abi::Engine> engine, abi::Linker linker)
      : hosts_(std::move(hosts)), engine_(std::move(engine)), linker_(std::move(linker)) {}

  std::vector<HostPart> hosts_;
  std::shared_ptr<const abi::Engine> engine_;
  abi::Linker linker_;
  std::map<std::string, std::shared_ptr<const abi::Pre>> linked_;  // by file
};

// One guest and its current instance.
// One thread at a time.
class Runner final {
 public:
  // `guests` and `suite` outlive it.
  [[nodiscard]] static Result<Runner> create(Guests& guests, const Suite& suite, const Toolchain& made_with,
                                             std::string_view package);

  // A new instance in place of the present one.
  [[nodiscard]] Result<void> renew();
  // The same when the guest has taken a lot of memory since it was new.
  [[nodiscard]] Result<void> renew_if_large(bool through);

  // The exports, as the suite opened them.
  [[nodiscard]] void* exports() const { return exports_.get(); }
  [[nodiscard]] Result<void> set_through(bool on) { return suite_->set_through(exports(), on); }
  [[nodiscard]] abi::InstanceState& state() { return *state_; }

 private:
  Runner(const Guests& guests, const Suite& suite, std::shared_ptr<const abi::Pre> pre)
      : guests_(&guests), suite_(&suite), pre_(std::move(pre)) {}

  const Guests* guests_;
  const Suite* suite_;
  std::shared_ptr<const abi::Pre> pre_;
  std::shared_ptr<abi::InstanceState> state_;
  std::unique_ptr<abi::Instance> instance_;
  std::shared_ptr<void> exports_;
  std::uint64_t memory_when_new_ = 0;
};

}  // namespace berth::roundtrip
