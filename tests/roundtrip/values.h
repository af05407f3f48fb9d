// Random values of every C++ type that stands for a WIT type, and whether two of them are the same.
//
// Generated types are taken apart through their Abi<T>, so nothing here is generated.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <expected>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "abi/bindings.h"
#include "roundtrip/source.h"

namespace berth::roundtrip {

// make(source) and same(a, b) for one type.
template <class T>
struct Values;

// Not inlined into each other: types nest, and the compiler's time with them.
template <class T>
[[nodiscard]] [[gnu::noinline]] T make(Source& source) {
  return Values<T>::make(source);
}
template <class T>
[[nodiscard]] [[gnu::noinline]] bool same(const T& a, const T& b) {
  return Values<T>::same(a, b);
}

template <>
struct Values<bool> {
  static bool make(Source& source) { return source.below(2) == 1; }
  static bool same(bool a, bool b) { return a == b; }
};

template <std::integral T>
  requires(!std::same_as<T, bool> && !std::same_as<T, char32_t>)
struct Values<T> {
  static T make(Source& source) {
    using Limits = std::numeric_limits<T>;
    T value;
    if (source.below(4) == 0)
      value = source.pick(std::array<T, 5>{0, 1, Limits::min(), Limits::max(), static_cast<T>(-1)});
    else
      value = static_cast<T>(source.bits() >> source.below(64));
    if constexpr (sizeof(T) == 8) {
      constexpr std::int64_t kMost = std::int64_t{1} << 53;
      if (source.integers() == Integers::kUpTo53Bits) value = static_cast<T>(value % kMost);
    }
    return value;
  }
  static bool same(T a, T b) { return a == b; }
};

template <std::floating_point T>
struct Values<T> {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  static T make(Source& source) {
    using Limits = std::numeric_limits<T>;
    if (source.below(4) != 0) return std::bit_cast<T>(static_cast<Bits>(source.bits()));
    return source.pick(std::array<T, 10>{T{0}, -T{0}, T{1}, -T{1.5}, Limits::infinity(), -Limits::infinity(),
                                         Limits::quiet_NaN(), Limits::denorm_min(), Limits::max(),
                                         Limits::lowest()});
  }
  // A NaN may come back with other bits: the canonical ABI allows it.
  static bool same(T a, T b) {
    return std::bit_cast<Bits>(a) == std::bit_cast<Bits>(b) || (std::isnan(a) && std::isnan(b));
  }
};

template <>
struct Values<char32_t> {
  static char32_t make(Source& source) {
    if (source.below(3) == 0)
      return source.pick(std::array<char32_t, 10>{U'\0', U'\x7f', U'\x80', U'\x7ff', U'\x800', U'\xd7ff',
                                                  U'\xe000', U'\xffff', U'\x10000', U'\x10ffff'});
    if (source.below(2) == 0) return static_cast<char32_t>(' ' + source.below(95));
    const auto value = static_cast<char32_t>(source.below(0x110000 - 0x800));
    return value < 0xd800 ? value : value + 0x800;
  }
  static bool same(char32_t a, char32_t b) { return a == b; }
};

template <>
struct Values<std::string> {
  static void append(std::string& out, char32_t c) {
    const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (c < 0x80) return put(c);
    if (c < 0x800) {
      put(0xc0 | (c >> 6));
    } else {
      if (c < 0x10000) {
        put(0xe0 | (c >> 12));
      } else {
        put(0xf0 | (c >> 18));
        put(0x80 | ((c >> 12) & 0x3f));
      }
      put(0x80 | ((c >> 6) & 0x3f));
    }
    put(0x80 | (c & 0x3f));
  }
  static std::string make(Source& source) {
    std::string out;
    for (std::size_t n = source.length(); n > 0; --n) append(out, Values<char32_t>::make(source));
    return out;
  }
  static bool same(const std::string& a, const std::string& b) { return a == b; }
};

template <class T>
struct Values<std::vector<T>> {
  static std::vector<T> make(Source& source) {
    std::vector<T> out;
    const std::size_t length = source.length();
    source.enter_list();
    out.reserve(length);
    for (std::size_t i = 0; i < length; ++i) out.push_back(roundtrip::make<T>(source));
    source.leave_list();
    return out;
  }
  static bool same(const std::vector<T>& a, const std::vector<T>& b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
      if (!roundtrip::same<T>(a[i], b[i])) return false;
    return true;
  }
};

template <class T>
struct Values<std::optional<T>> {
  static std::optional<T> make(Source& source) {
    if (source.below(3) == 0) return std::nullopt;
    return std::optional<T>(std::in_place, roundtrip::make<T>(source));
  }
  static bool same(const std::optional<T>& a, const std::optional<T>& b) {
    return a.has_value() == b.has_value() && (!a.has_value() || roundtrip::same<T>(*a, *b));
  }
};

template <>
struct Values<std::monostate> {
  static std::monostate make(Source&) { return {}; }
  static bool same(std::monostate, std::monostate) { return true; }
};

template <class T, class E>
struct Values<std::expected<T, E>> {
  using V = std::expected<T, E>;
  static V make(Source& source) {
    if (source.below(2) == 0) return V(std::unexpect, roundtrip::make<E>(source));
    if constexpr (std::is_void_v<T>)
      return V();
    else
      return V(std::in_place, roundtrip::make<T>(source));
  }
  static bool same(const V& a, const V& b) {
    if (a.has_value() != b.has_value()) return false;
    if (!a.has_value()) return roundtrip::same<E>(a.error(), b.error());
    if constexpr (std::is_void_v<T>)
      return true;
    else
      return roundtrip::same<T>(*a, *b);
  }
};

template <class... T>
struct Values<std::tuple<T...>> {
  using V = std::tuple<T...>;
  // Braces order the calls, so a seed means the same values with every compiler.
  static V make(Source& source) { return V{roundtrip::make<T>(source)...}; }
  static bool same(const V& a, const V& b) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return (true && ... && roundtrip::same<T>(std::get<I>(a), std::get<I>(b)));
    }(std::index_sequence_for<T...>{});
  }
};

// ---- generated types, by what their Abi<T> is -----------------------------------------------------

template <auto M>
using Member = typename abi::MemberType<decltype(M)>::Type;

template <class R, auto... Ms>
R make_as(Source& source, const abi::RecordAbi<R, Ms...>*) {
  R out{};
  ((out.*Ms = make<Member<Ms>>(source)), ...);
  return out;
}
template <class R, auto... Ms>
bool same_as(const R& a, const R& b, const abi::RecordAbi<R, Ms...>*) {
  return (true && ... && same<Member<Ms>>(a.*Ms, b.*Ms));
}

template <class V, class... Cs>
V make_as(Source& source, const abi::VariantAbi<V, Cs...>*) {
  V out;
  abi::VariantAbi<V, Cs...>::pick(static_cast<std::uint32_t>(source.below(sizeof...(Cs))),
                                  [&]<std::size_t I>() {
                                    auto& one = out.cases.template emplace<I>();
                                    using P = typename std::remove_reference_t<decltype(one)>::Payload;
                                    if constexpr (!std::is_void_v<P>)
                                      one.value = make<P>(source);
                                    else
                                      (void)one;
                                    return true;
                                  });
  return out;
}
template <class V, class... Cs>
bool same_as(const V& a, const V& b, const abi::VariantAbi<V, Cs...>*) {
  if (a.cases.index() != b.cases.index()) return false;
  return abi::VariantAbi<V, Cs...>::pick(static_cast<std::uint32_t>(a.cases.index()), [&]<std::size_t I>() {
    using P = typename std::variant_alternative_t<I, decltype(a.cases)>::Payload;
    if constexpr (std::is_void_v<P>)
      return true;
    else
      return same<P>(std::get<I>(a.cases).value, std::get<I>(b.cases).value);
  });
}

template <class E, std::uint32_t Count>
E make_as(Source& source, const abi::EnumAbi<E, Count>*) {
  return static_cast<E>(source.below(Count));
}
template <class E, std::uint32_t Count>
bool same_as(E a, E b, const abi::EnumAbi<E, Count>*) {
  return a == b;
}

template <class F>
F make_as(Source& source, const abi::FlagsAbi<F>*) {
  const std::uint64_t some = source.below(8) == 0 ? F::kAll : source.bits();
  return F::make(some & F::kAll);
}
template <class F>
bool same_as(F a, F b, const abi::FlagsAbi<F>*) {
  return a.bits == b.bits;
}

template <class T>
struct Values {
  static constexpr const abi::Abi<T>* kAbi = nullptr;
  static T make(Source& source) { return make_as(source, kAbi); }
  static bool same(const T& a, const T& b) { return same_as(a, b, kAbi); }
};

}  // namespace berth::roundtrip
