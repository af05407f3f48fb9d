// Abi<T> for resources: std::unique_ptr<R> is own<R>, R* is borrow<R>.
//
// A generated resource class R has
//   kWitName   "ns:pkg/iface#name", as in structural types
//   kGuest     the world exports its interface: in calls to exports it is the guest's resource
//   berth_wrap when kGuest: makes the R that stands for a guest's object
#pragma once

#include <memory>

#include "abi/codec.h"
#include "abi/resources.h"

namespace berth::abi {

struct HandleLayout {
  static constexpr std::uint32_t kSize = 4;
  static constexpr std::uint32_t kAlign = 4;
  static constexpr std::uint32_t kFlat = 1;
  static constexpr bool kPure = false;
  static constexpr bool kHandles = true;
  static constexpr bool kPlain = false;
};

// The guest's object behind `r` in the instance of this call; fails for another instance's, and for
// a host object.
template <class R>
[[nodiscard]] GuestHandle* guest_handle(LowerCx& cx, R& r) {
  GuestHandle* handle = r.berth_guest_handle();
  if (handle == nullptr || handle->state.get() != cx.state()) {
    cx.fail("the resource passed to the guest is not one of this instance");
    return nullptr;
  }
  return handle;
}

template <class R>
struct Abi<std::unique_ptr<R>> : HandleLayout {
  static constexpr bool kOwns = true;
  static bool take(LiftCx& cx, std::unique_ptr<R>& out) {
    std::uint32_t handle = 0;
    if (!cx.handle(handle)) return false;
    if constexpr (R::kGuest) {
      if (cx.direction() == Direction::kExport) {
        out = R::berth_wrap({cx.state()->shared_from_this(), handle});
        return true;
      }
    }
    out = cx.state()->resources().template take<R>(handle);
    return out != nullptr || cx.fail("resource handle has no host object", handle);
  }
  static bool load(LiftCx& cx, const std::uint8_t*, std::unique_ptr<R>& out) { return take(cx, out); }
  static bool lift(LiftCx& cx, const berth_val_t*& v, std::unique_ptr<R>& out) { return ++v, take(cx, out); }

  // `value` is const only because containers of it are walked as const: whoever passes an own value
  // passes an object of its own (a parameter by value, a result), and it is moved from here.
  static bool give(LowerCx& cx, const std::unique_ptr<R>& value, std::uint32_t& handle) {
    auto& mine = const_cast<std::unique_ptr<R>&>(value);
    if (mine == nullptr) return cx.fail("the host passed a null resource");
    if constexpr (R::kGuest) {
      if (cx.direction() == Direction::kExport) {
        GuestHandle* guest = guest_handle(cx, *mine);
        if (guest == nullptr || !cx.own(R::kWitName, guest->id, handle)) return false;
        guest->state = nullptr;  // given away: nothing to drop
        mine = nullptr;
        return true;
      }
    }
    Result<std::uint32_t> rep = cx.state()->resources().insert(std::move(mine));
    if (!rep) return cx.fail(std::move(rep).error());
    return cx.own(R::kWitName, *rep, handle);
  }
  static bool store(LowerCx& cx, std::uint32_t a, const std::unique_ptr<R>& value) {
    std::uint32_t handle = 0;
    return give(cx, value, handle) && (store_raw(cx.at(a), handle), true);
  }
  static bool lower(LowerCx& cx, berth_val_t*& v, const std::unique_ptr<R>& value) {
    std::uint32_t handle = 0;
    const bool ok = give(cx, value, handle);
    return (v++)->lo = handle, ok;
  }
};

// Valid for the call only.
template <class R>
struct Abi<R*> : HandleLayout {
  static constexpr bool kOwns = false;
  static bool take(LiftCx& cx, R*& out) {
    std::uint32_t handle = 0;
    if (!cx.handle(handle)) return false;
    out = cx.state()->resources().template get<R>(handle);
    return out != nullptr || cx.fail("resource handle has no host object", handle);
  }
  static bool load(LiftCx& cx, const std::uint8_t*, R*& out) { return take(cx, out); }
  static bool lift(LiftCx& cx, const berth_val_t*& v, R*& out) { return ++v, take(cx, out); }
  static bool give(LowerCx& cx, R* value, std::uint32_t& handle) {
    if (value == nullptr) return cx.fail("the host passed a null resource");
    if constexpr (R::kGuest) {
      if (cx.direction() == Direction::kExport) {
        GuestHandle* guest = guest_handle(cx, *value);
        return guest != nullptr && cx.borrow(R::kWitName, guest->id, handle);
      }
    }
    Result<std::uint32_t> rep = cx.state()->resources().lend(*value);
    if (!rep) return cx.fail(std::move(rep).error());
    return cx.borrow(R::kWitName, *rep, handle);
  }
  static bool store(LowerCx& cx, std::uint32_t a, R* value) {
    std::uint32_t handle = 0;
    return give(cx, value, handle) && (store_raw(cx.at(a), handle), true);
  }
  static bool lower(LowerCx& cx, berth_val_t*& v, R* value) {
    std::uint32_t handle = 0;
    const bool ok = give(cx, value, handle);
    return (v++)->lo = handle, ok;
  }
};

}  // namespace berth::abi
