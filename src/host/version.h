// Version and Guest: one immutable, runnable form of a workload, and one live instance of it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/task.h"
#include "host/outcome.h"

namespace berth::host {

using Deadline = std::chrono::nanoseconds;  // from the start of the call; 0 = none

// Identifies the C++ type of a version's exports, without RTTI across libraries.
using ExportsType = const void*;
template <class Exports>
inline constexpr char exports_type_tag = 0;
template <class Exports>
[[nodiscard]] constexpr ExportsType exports_type() {
  return &exports_type_tag<Exports>;
}

// One live instance. The host destroys it after the first call that leaves it dead().
// One thread at a time, except cancel().
class Guest {
 public:
  virtual ~Guest() = default;
  // The typed exports: a pointer to the Exports whose exports_type() the Version names. Lives as long
  // as the guest.
  [[nodiscard]] virtual void* exports() = 0;
  // True after a trap, a passed deadline or a cancellation: nothing may be called any more.
  [[nodiscard]] virtual bool dead() const = 0;
  // How the call ended that failed with `error`.
  [[nodiscard]] virtual Outcome outcome(const Error& error) const { return outcome_of(error.code(), dead()); }
  // Memory now committed to the guest.
  [[nodiscard]] virtual std::uint64_t memory_bytes() const { return 0; }
  // Bounds each of the calls made through exports() from now on.
  virtual void set_deadline(Deadline) {}
  // Asks a running call to end soon. Any thread; does not block. A call that cannot be interrupted
  // from outside ends at its own deadline.
  enum class Cancel : std::uint8_t { kDeadline, kDrain };
  virtual void cancel(Cancel) noexcept {}

  // berth:lifecycle. Called only when the Version says that it has them. They block, and never longer
  // than `deadline`; after a failure that leaves the guest dead() it is destroyed.
  [[nodiscard]] virtual Result<void> probe(Deadline) { return {}; }
  [[nodiscard]] virtual Result<std::vector<std::uint8_t>> save(Deadline) {
    return std::vector<std::uint8_t>{};
  }
  [[nodiscard]] virtual Result<void> restore(std::span<const std::uint8_t>, Deadline) { return {}; }
};

// How the code of a version came to be.
enum class Tier : std::uint8_t {
  kNative,     // C++ of this program
  kWinch,      // compiled quickly, to serve at once
  kCranelift,  // compiled well
  kCache,      // compiled well before, and found in the store
};
[[nodiscard]] constexpr std::string_view tier_name(Tier tier) {
  constexpr std::string_view kNames[] = {"native", "winch", "cranelift", "cache"};
  return kNames[static_cast<std::size_t>(tier)];
}

// One immutable, loaded, checked and linked form of a workload's code, named by its digest.
// Immutable, so any thread may use it.
class Version {
 public:
  struct About {
    std::string digest;  // the version's name: "sha256:..."
    std::string source;  // where it came from, for status; may be empty
    ExportsType exports = nullptr;
    bool fibre =
        false;  // its calls may wait in host functions: call_async only, and the host watches their deadlines
    bool probe = false;
    bool handover = false;
    Tier tier = Tier::kNative;
  };

  explicit Version(About about) : about_(std::move(about)) {}
  virtual ~Version() = default;
  Version(const Version&) = delete;
  Version& operator=(const Version&) = delete;

  [[nodiscard]] const About& about() const { return about_; }

  // A new instance. `deadline` bounds what runs at instantiation. Blocks while it does.
  [[nodiscard]] virtual Result<std::unique_ptr<Guest>> instantiate(Deadline deadline) const = 0;
  // The same without blocking, for code whose start may wait in host functions. `starting` may be
  // called once, before anything waits, with a function that ends the instantiation soon; that one
  // may be called from any thread, at any time, and does not block.
  using Canceller = std::function<void(Guest::Cancel)>;
  [[nodiscard]] virtual Task<Result<std::unique_ptr<Guest>>> instantiate_async(
      Deadline deadline, std::function<void(Canceller)> /*starting*/) const {
    co_return instantiate(deadline);
  }

 private:
  About about_;
};

// A version that is native C++: guests linked into this program, for tests and sanitizers.
// Immutable.
class NativeVersion final : public Version {
 public:
  using Factory = std::function<Result<std::unique_ptr<Guest>>()>;
  NativeVersion(About about, Factory factory) : Version(std::move(about)), factory_(std::move(factory)) {}

  [[nodiscard]] Result<std::unique_ptr<Guest>> instantiate(Deadline) const override { return factory_(); }

 private:
  Factory factory_;
};

}  // namespace berth::host
