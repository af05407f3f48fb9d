// Abi<T>: how each C++ type stands for a WIT type: its layout, and lifting and lowering it
// (component model, canonical ABI). This file: scalars, strings, lists, options, results, tuples.
//
// Every Abi<T> has
//   kSize, kAlign      layout in guest memory
//   kFlat              number of flattened core values; joined variants need no more than the count,
//                      because each core value travels zero-extended in 64 bits
//   kPure              neither memory beyond its own layout nor handles
//   kHandles, kOwns    contains own or borrow; contains own
//   kPlain             guest memory of it is a C++ array element as it stands, whatever the bits
//   load, lift         from memory (bounds already checked), from flat values; false after cx.fail
//   store, lower       to memory (already allocated), to flat values; false after cx failed
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "abi/transfer.h"

namespace berth::abi {

static_assert(std::endian::native == std::endian::little,
              "guest memory is little-endian and is copied as it is");

template <class T>
struct Abi;

[[nodiscard]] constexpr std::uint32_t align_to(std::uint32_t offset, std::uint32_t alignment) {
  return (offset + alignment - 1) & ~(alignment - 1);
}

template <class T>
[[nodiscard]] inline T load_raw(const std::uint8_t* p) {
  T v;
  std::memcpy(&v, p, sizeof(T));
  return v;
}
template <class T>
inline void store_raw(std::uint8_t* p, T v) {
  std::memcpy(p, &v, sizeof(T));
}

// ---- scalars ------------------------------------------------------------------------------------

template <class T>
concept Number = (std::integral<T> || std::floating_point<T>) && !std::same_as<T, bool> &&
                 !std::same_as<T, char32_t> && sizeof(T) <= 8;

template <class T>
struct ScalarLayout {
  static constexpr std::uint32_t kSize = sizeof(T);
  static constexpr std::uint32_t kAlign = sizeof(T);
  static constexpr std::uint32_t kFlat = 1;
  static constexpr bool kPure = true;
  static constexpr bool kHandles = false;
  static constexpr bool kOwns = false;
};

template <Number T>
struct Abi<T> : ScalarLayout<T> {
  static constexpr bool kPlain = true;
  static bool load(LiftCx&, const std::uint8_t* p, T& out) { return out = load_raw<T>(p), true; }
  static bool lift(LiftCx&, const berth_val_t*& v, T& out) {
    const std::uint64_t bits = (v++)->lo;
    // Narrower integers wrap, as the specification says.
    if constexpr (std::same_as<T, float>)
      out = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    else if constexpr (std::same_as<T, double>)
      out = std::bit_cast<double>(bits);
    else
      out = static_cast<T>(bits);
    return true;
  }
  static bool store(LowerCx& cx, std::uint32_t a, T value) { return store_raw(cx.at(a), value), true; }
  static bool lower(LowerCx&, berth_val_t*& v, T value) {
    std::uint64_t bits = 0;
    if constexpr (std::same_as<T, float>)
      bits = std::bit_cast<std::uint32_t>(value);
    else if constexpr (std::same_as<T, double>)
      bits = std::bit_cast<std::uint64_t>(value);
    else if constexpr (sizeof(T) == 8)
      bits = static_cast<std::uint64_t>(value);
    else
      bits = static_cast<std::uint32_t>(static_cast<std::int32_t>(value));
    (v++)->lo = bits;
    return true;
  }
};

template <>
struct Abi<bool> : ScalarLayout<std::uint8_t> {
  static constexpr bool kPlain = false;
  static bool load(LiftCx&, const std::uint8_t* p, bool& out) { return out = *p != 0, true; }
  static bool lift(LiftCx&, const berth_val_t*& v, bool& out) {
    return out = static_cast<std::uint32_t>((v++)->lo) != 0, true;
  }
  static bool store(LowerCx& cx, std::uint32_t a, bool value) { return *cx.at(a) = value ? 1 : 0, true; }
  static bool lower(LowerCx&, berth_val_t*& v, bool value) { return (v++)->lo = value ? 1 : 0, true; }
};

template <>
struct Abi<char32_t> : ScalarLayout<char32_t> {
  static constexpr bool kPlain = false;
  [[nodiscard]] static bool valid(std::uint32_t c) { return c < 0xd800 || (c > 0xdfff && c <= 0x10ffff); }
  static bool take(LiftCx& cx, std::uint32_t c, char32_t& out) {
    if (!valid(c)) [[unlikely]]
      return cx.fail("char is not a Unicode scalar value", c);
    return out = c, true;
  }
  static bool load(LiftCx& cx, const std::uint8_t* p, char32_t& out) {
    return take(cx, load_raw<std::uint32_t>(p), out);
  }
  static bool lift(LiftCx& cx, const berth_val_t*& v, char32_t& out) {
    return take(cx, static_cast<std::uint32_t>((v++)->lo), out);
  }
  static bool give(LowerCx& cx, char32_t c) {
    return valid(c) || cx.fail("the host passed a char that is not a Unicode scalar value");
  }
  static bool store(LowerCx& cx, std::uint32_t a, char32_t c) {
    return give(cx, c) && (store_raw<std::uint32_t>(cx.at(a), c), true);
  }
  static bool lower(LowerCx& cx, berth_val_t*& v, char32_t c) { return (v++)->lo = c, give(cx, c); }
};

// ---- strings and lists: (pointer, length) -------------------------------------------------------

// What strings and lists share: `From::pointed` lifts from a pointer and a length, `From::placed`
// allocates and fills.
template <class From, class Value, class Ref>
struct PointerAndLength {
  static constexpr std::uint32_t kSize = 8;
  static constexpr std::uint32_t kAlign = 4;
  static constexpr std::uint32_t kFlat = 2;
  static constexpr bool kPure = false;
  static constexpr bool kPlain = false;
  static bool load(LiftCx& cx, const std::uint8_t* p, Value& out) {
    return From::pointed(cx, load_raw<std::uint32_t>(p), load_raw<std::uint32_t>(p + 4), out);
  }
  static bool lift(LiftCx& cx, const berth_val_t*& v, Value& out) {
    const auto address = static_cast<std::uint32_t>(v[0].lo);
    const auto length = static_cast<std::uint32_t>(v[1].lo);
    v += 2;
    return From::pointed(cx, address, length, out);
  }
  static bool store(LowerCx& cx, std::uint32_t a, Ref value) {
    std::uint32_t address = 0;
    if (!From::placed(cx, value, address)) return false;
    std::uint8_t* p = cx.at(a);
    store_raw(p, address);
    store_raw(p + 4, static_cast<std::uint32_t>(value.size()));
    return true;
  }
  static bool lower(LowerCx& cx, berth_val_t*& v, Ref value) {
    std::uint32_t address = 0;
    if (!From::placed(cx, value, address)) return false;
    (v++)->lo = address;
    (v++)->lo = static_cast<std::uint32_t>(value.size());
    return true;
  }
};

// A view of guest memory; lift only.
template <>
struct Abi<std::string_view> : PointerAndLength<Abi<std::string_view>, std::string_view, std::string_view> {
  static constexpr bool kHandles = false;
  static constexpr bool kOwns = false;
  static bool pointed(LiftCx& cx, std::uint32_t a, std::uint32_t n, std::string_view& out) {
    return cx.string(a, n, out);
  }
  static bool placed(LowerCx& cx, std::string_view s, std::uint32_t& a) { return cx.string(s, a); }
};

template <>
struct Abi<std::string> : PointerAndLength<Abi<std::string>, std::string, std::string_view> {
  static constexpr bool kHandles = false;
  static constexpr bool kOwns = false;
  static bool pointed(LiftCx& cx, std::uint32_t a, std::uint32_t n, std::string& out) {
    std::string_view s;
    if (!cx.string(a, n, s) || !cx.charge(n)) return false;
    out.assign(s);
    return true;
  }
  static bool placed(LowerCx& cx, std::string_view s, std::uint32_t& a) { return cx.string(s, a); }
};

template <class T>
struct ListTraits {
  static constexpr bool kHandles = Abi<T>::kHandles;
  static constexpr bool kOwns = Abi<T>::kOwns;
};

// A view of guest memory; only for types whose guest memory is a C++ array.
template <class T>
  requires(Abi<T>::kPlain)
struct Abi<std::span<const T>>
    : PointerAndLength<Abi<std::span<const T>>, std::span<const T>, std::span<const T>>, ListTraits<T> {
  static bool pointed(LiftCx& cx, std::uint32_t a, std::uint32_t n, std::span<const T>& out) {
    const std::uint8_t* p = nullptr;
    if (!cx.range(a, n, sizeof(T), alignof(T), p)) return false;
    out = {reinterpret_cast<const T*>(p), n};
    return true;
  }
  static bool placed(LowerCx& cx, std::span<const T> s, std::uint32_t& a) {
    if (!cx.realloc(alignof(T), std::uint64_t{s.size()} * sizeof(T), a)) return false;
    if (!s.empty()) std::memcpy(cx.at(a), s.data(), s.size_bytes());
    return true;
  }
};

template <class T>
struct Abi<std::vector<T>> : PointerAndLength<Abi<std::vector<T>>, std::vector<T>, std::span<const T>>,
                             ListTraits<T> {
  static bool pointed(LiftCx& cx, std::uint32_t a, std::uint32_t n, std::vector<T>& out) {
    const std::uint8_t* p = nullptr;
    if (!cx.range(a, n, Abi<T>::kSize, Abi<T>::kAlign, p) || !cx.charge(std::uint64_t{n} * sizeof(T)))
      return false;
    if constexpr (Abi<T>::kPlain) {
      // From a range, so that the memory is written once.
      const T* first = reinterpret_cast<const T*>(p);
      out.assign(first, first + n);
    } else {
      out.clear();
      out.reserve(n);
      for (std::uint32_t i = 0; i < n; ++i, p += Abi<T>::kSize)
        if (!Abi<T>::load(cx, p, out.emplace_back())) return false;
    }
    return true;
  }
  static bool placed(LowerCx& cx, std::span<const T> s, std::uint32_t& a) {
    if constexpr (Abi<T>::kPlain) {
      return Abi<std::span<const T>>::placed(cx, s, a);
    } else {
      if (!cx.realloc(Abi<T>::kAlign, std::uint64_t{s.size()} * Abi<T>::kSize, a)) return false;
      std::uint32_t at = a;
      for (const T& v : s) {
        if (!Abi<T>::store(cx, at, v)) return false;
        at += Abi<T>::kSize;
      }
      return true;
    }
  }
};

template <>
struct Abi<std::vector<bool>>
    : PointerAndLength<Abi<std::vector<bool>>, std::vector<bool>, const std::vector<bool>&>,
      ListTraits<bool> {
  static bool pointed(LiftCx& cx, std::uint32_t a, std::uint32_t n, std::vector<bool>& out) {
    const std::uint8_t* p = nullptr;
    if (!cx.range(a, n, 1, 1, p) || !cx.charge(n / 8)) return false;
    out.resize(n);
    for (std::uint32_t i = 0; i < n; ++i) out[i] = p[i] != 0;
    return true;
  }
  static bool placed(LowerCx& cx, const std::vector<bool>& s, std::uint32_t& a) {
    if (!cx.realloc(1, s.size(), a)) return false;
    if (s.empty()) return true;
    std::uint8_t* p = cx.at(a);
    for (const bool b : s) *p++ = b ? 1 : 0;
    return true;
  }
};

// ---- sequences of fields: tuples, records, parameters -------------------------------------------

template <class... Ts>
struct Fields {
  static constexpr std::uint32_t kAlign = std::max({std::uint32_t{1}, Abi<Ts>::kAlign...});
  static constexpr std::array<std::uint32_t, sizeof...(Ts) + 1> kOffsets = [] {
    std::array<std::uint32_t, sizeof...(Ts) + 1> out{};
    std::uint32_t at = 0;
    std::size_t i = 0;
    ((at = align_to(at, Abi<Ts>::kAlign), out[i++] = at, at += Abi<Ts>::kSize), ...);
    out[i] = align_to(at, kAlign);
    return out;
  }();
  static constexpr std::uint32_t kSize = kOffsets[sizeof...(Ts)];
  static constexpr std::uint32_t kFlat = (0 + ... + Abi<Ts>::kFlat);
  static constexpr bool kPure = (true && ... && Abi<Ts>::kPure);
  static constexpr bool kHandles = (false || ... || Abi<Ts>::kHandles);
  static constexpr bool kOwns = (false || ... || Abi<Ts>::kOwns);
  static constexpr bool kPlain = false;
};

template <class... Ts>
struct Abi<std::tuple<Ts...>> : Fields<Ts...> {
  using F = Fields<Ts...>;
  using V = std::tuple<Ts...>;
  using Indices = std::index_sequence_for<Ts...>;
  static bool load(LiftCx& cx, const std::uint8_t* p, V& out) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return (true && ... && Abi<Ts>::load(cx, p + F::kOffsets[I], std::get<I>(out)));
    }(Indices{});
  }
  static bool lift(LiftCx& cx, const berth_val_t*& v, V& out) {
    return std::apply([&](Ts&... f) { return (true && ... && Abi<Ts>::lift(cx, v, f)); }, out);
  }
  static bool store(LowerCx& cx, std::uint32_t a, const V& value) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return (true && ... && Abi<Ts>::store(cx, a + F::kOffsets[I], std::get<I>(value)));
    }(Indices{});
  }
  static bool lower(LowerCx& cx, berth_val_t*& v, const V& value) {
    return std::apply([&](const Ts&... f) { return (true && ... && Abi<Ts>::lower(cx, v, f)); }, value);
  }
};

}  // namespace berth::abi
