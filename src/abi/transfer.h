// LiftCx and LowerCx: one transfer of values out of a guest and into it.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "abi/failure.h"
#include "abi/limits.h"
#include "abi/state.h"
#include "engine/include/berth_engine.h"

namespace berth::abi {

// Which way the call goes that the values belong to. It decides whether a resource that a world both
// imports and exports is the host's or the guest's.
enum class Direction : std::uint8_t { kImport, kExport };

// Values on their way out of a guest: nothing it says is believed. The first error sticks.
// One thread at a time.
class LiftCx final {
 public:
  LiftCx(const std::uint8_t* memory, std::uint64_t size, Direction direction, InstanceState* state,
         const std::uint32_t* handles, std::size_t handle_count, std::uint64_t budget = kMaxLiftedBytes)
      : memory_(memory),
        size_(size),
        state_(state),
        handles_(handles),
        handle_count_(handle_count),
        budget_(budget),
        direction_(direction) {}

  // Checks `count` elements at `address`; out is valid as long as the memory.
  [[nodiscard]] bool range(std::uint32_t address, std::uint32_t count, std::uint32_t element_size,
                           std::uint32_t alignment, const std::uint8_t*& out) {
    if ((address & (alignment - 1)) != 0) [[unlikely]]
      return fail("pointer is not aligned", address, alignment);
    const std::uint64_t bytes = std::uint64_t{count} * element_size;
    if (address + bytes > size_) [[unlikely]]
      return fail("pointer is outside the guest's memory", address, bytes);
    out = memory_ + address;
    return true;
  }
  // Counts bytes the host is about to allocate.
  [[nodiscard]] bool charge(std::uint64_t bytes) {
    if (bytes > budget_) [[unlikely]]
      return fail("values of one call need more than the host's limit of bytes", bytes, kMaxLiftedBytes);
    budget_ -= bytes;
    return true;
  }
  // A view; checks bounds and UTF-8.
  [[nodiscard]] bool string(std::uint32_t address, std::uint32_t length, std::string_view& out);
  // The next handle, in the order of the values.
  [[nodiscard]] bool handle(std::uint32_t& out) {
    if (next_handle_ >= handle_count_) [[unlikely]]
      return fail("handle is missing", next_handle_, handle_count_);
    out = handles_[next_handle_++];
    return true;
  }

  bool fail(const char* what, std::uint64_t a = 0, std::uint64_t b = 0) {
    if (what_ == nullptr) what_ = what, a_ = a, b_ = b;
    return false;
  }
  [[nodiscard]] bool failed() const { return what_ != nullptr; }
  // "result of get: pointer is outside the guest's memory (65536, 4)".
  [[nodiscard]] std::string message(std::string_view where) const;
  // The same as a trap of the guest.
  [[nodiscard]] berth_error_t* error(std::string_view where) const {
    return engine_error(BERTH_E_TRAP, message(where));
  }

  [[nodiscard]] Direction direction() const { return direction_; }
  [[nodiscard]] InstanceState* state() const { return state_; }

 private:
  const std::uint8_t* memory_;
  std::uint64_t size_;
  InstanceState* state_;
  const std::uint32_t* handles_;
  std::size_t handle_count_;
  std::size_t next_handle_ = 0;
  std::uint64_t budget_;
  const char* what_ = nullptr;
  std::uint64_t a_ = 0;
  std::uint64_t b_ = 0;
  Direction direction_;
};

// Values on their way into a guest. The first error sticks: the engine's (the guest's realloc
// failed) or the host's own (a string that is not UTF-8).
// One thread at a time.
class LowerCx final {
 public:
  // `raw` may be nullptr for values without handles; where one needs memory, lowering then fails without an
  // error, and needs_guest() is true.
  LowerCx(berth_lower_cx_t* raw, Direction direction, InstanceState* state)
      : raw_(raw), state_(state), direction_(direction) {}
  LowerCx(const LowerCx&) = delete;
  LowerCx& operator=(const LowerCx&) = delete;

  // Where a block that realloc returned, or the result record, starts. Valid until the next realloc.
  [[nodiscard]] std::uint8_t* at(std::uint32_t address) {
    if (base_ == nullptr) {
      std::size_t size = 0;
      base_ = berth_lower_memory(raw_, &size);
    }
    return base_ + address;
  }
  [[nodiscard]] bool realloc(std::uint32_t alignment, std::uint64_t bytes, std::uint32_t& out) {
    if (bytes > UINT32_MAX) [[unlikely]]
      return fail("a list or string does not fit a guest's memory");
    if (raw_ == nullptr) {
      needs_guest_ = true;
      return false;
    }
    error_ = berth_lower_realloc(raw_, alignment, static_cast<std::uint32_t>(bytes), &out, &base_);
    return error_ == nullptr;
  }
  // Checks a result record whose address the guest chose.
  [[nodiscard]] bool reserved(std::uint32_t address, std::uint32_t bytes, std::uint32_t alignment);
  // Fails unless `text` is UTF-8, which guests rely on.
  [[nodiscard]] bool utf8(std::string_view text);
  // Copies a string in, checked.
  [[nodiscard]] bool string(std::string_view text, std::uint32_t& address);

  [[nodiscard]] bool own(std::string_view resource, std::uint32_t rep, std::uint32_t& handle) {
    base_ = nullptr;
    error_ = berth_lower_own(raw_, str(resource), rep, &handle);
    return error_ == nullptr;
  }
  [[nodiscard]] bool borrow(std::string_view resource, std::uint32_t rep, std::uint32_t& handle) {
    base_ = nullptr;
    error_ = berth_lower_borrow(raw_, str(resource), rep, &handle);
    return error_ == nullptr;
  }

  // The host's own error.
  bool fail(const char* what) { return fail(Error(Code::kInvalidArgument, what)); }
  bool fail(Error error);
  // The engine's error, owned by the caller, or nullptr.
  [[nodiscard]] berth_error_t* take_error() { return std::exchange(error_, nullptr); }
  [[nodiscard]] bool needs_guest() const { return needs_guest_; }
  ~LowerCx() {
    if (error_ != nullptr) berth_error_free(error_);
  }

  [[nodiscard]] Direction direction() const { return direction_; }
  [[nodiscard]] InstanceState* state() const { return state_; }

 private:
  berth_lower_cx_t* raw_;
  std::uint8_t* base_ = nullptr;
  InstanceState* state_;
  berth_error_t* error_ = nullptr;
  Direction direction_;
  bool needs_guest_ = false;
};

}  // namespace berth::abi
