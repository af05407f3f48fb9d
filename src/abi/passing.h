// How the parameters of a WIT function are passed in C++: In<T> from a guest to a capability, Arg<T>
// from the host to a guest. T is always the owning type.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "abi/codec.h"
#include "abi/resource_codec.h"
#include "abi/variant_codec.h"

namespace berth::abi {

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::bool_constant<!std::is_same_v<T, bool>> {};

template <class T>
inline constexpr bool kByValue =
    std::is_scalar_v<T> || (Abi<T>::kFlat == 1 && Abi<T>::kPure && sizeof(T) <= 8);

// A parameter of a synchronous function:
//   string               std::string_view
//   list<T>              std::span<const T> (list<bool>: const std::vector<bool>&)
//   scalar, enum, flags  by value
//   borrow<R>            R&
//   contains own         by value
//   anything else        const T&
template <class T>
struct ArgOf {
  using Type = std::conditional_t<kByValue<T> || Abi<T>::kOwns, T, const T&>;
};
template <>
struct ArgOf<std::string> {
  using Type = std::string_view;
};
template <class T>
  requires(IsVector<std::vector<T>>::value)
struct ArgOf<std::vector<T>> {
  using Type = std::conditional_t<Abi<T>::kOwns, std::vector<T>, std::span<const T>>;
};
template <class R>
struct ArgOf<R*> {
  using Type = R&;
};
template <class T>
using Arg = typename ArgOf<T>::Type;

// What a lifted parameter is held in while a synchronous host function runs: views of guest memory
// for strings and plain lists, because that memory cannot move meanwhile.
template <class T>
struct Held {
  using Type = T;
};
template <>
struct Held<std::string> {
  using Type = std::string_view;
};
template <class T>
  requires(IsVector<std::vector<T>>::value && Abi<T>::kPlain)
struct Held<std::vector<T>> {
  using Type = std::span<const T>;
};

// Hands a held value over as Arg<T>.
template <class T>
[[nodiscard]] inline Arg<T> pass(typename Held<T>::Type& held) {
  if constexpr (std::is_pointer_v<T>)
    return *held;
  else if constexpr (Abi<T>::kOwns)
    return std::move(held);
  else
    return held;
}
// An asynchronous function takes everything by value, but resources it borrows.
template <class T>
[[nodiscard]] inline decltype(auto) pass_owned(T& held) {
  if constexpr (std::is_pointer_v<T>)
    return *held;
  else
    return std::move(held);
}

// A result; void has none.
template <class R>
struct Ret : Abi<R> {
  static constexpr std::uint32_t kResults = Abi<R>::kFlat == 0 ? 0 : Abi<R>::kFlat == 1 ? 1 : 2;
  static constexpr bool kDirect = kResults <= 1 && Abi<R>::kPure;
  // No bit pattern of it is wrong, so it may be lifted after the engine's call. Anything else is lifted
  // inside it, where a wrong value kills the instance as any other trap does.
  static constexpr bool kAnyBits = kDirect && (kResults == 0 || Number<R> || std::same_as<R, bool>);
};
template <>
struct Ret<void> {
  static constexpr std::uint32_t kResults = 0;
  static constexpr bool kDirect = true;
  static constexpr bool kAnyBits = true;
  static constexpr bool kHandles = false;
};

inline constexpr std::uint32_t kMaxFlatParams = 16;  // canonical ABI, MAX_FLAT_PARAMS

// An error that is an answer of the function, not a failure of the call: `return err(Problem::kGone);`
// in a function that returns Result<std::expected<T, Problem>>.
template <class E>
struct ErrorValue {
  E error;
  template <class T>
  operator std::expected<T, E>() && {
    return std::unexpected(std::move(error));
  }
};
template <class E>
[[nodiscard]] ErrorValue<std::decay_t<E>> err(E&& error) {
  return {std::forward<E>(error)};
}
// For WIT results without an error type.
[[nodiscard]] inline ErrorValue<std::monostate> err() { return {}; }

}  // namespace berth::abi
