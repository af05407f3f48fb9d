// Abi<T> for what has cases: options, results, generated variants and enums; and generated flags and
// records.
#pragma once

#include "abi/codec.h"

namespace berth::abi {

// Layout of a variant whose cases carry Ps; void for none.
template <class P>
struct Payload : Abi<P> {};
template <>
struct Payload<void> {
  static constexpr std::uint32_t kSize = 0;
  static constexpr std::uint32_t kAlign = 1;
  static constexpr std::uint32_t kFlat = 0;
  static constexpr bool kPure = true;
  static constexpr bool kHandles = false;
  static constexpr bool kOwns = false;
};

template <std::size_t Count>
using Discriminant = std::conditional_t<Count <= 256, std::uint8_t,
                                        std::conditional_t<Count <= 65'536, std::uint16_t, std::uint32_t>>;

template <class... Ps>
struct Cases {
  using D = Discriminant<sizeof...(Ps)>;
  static constexpr std::uint32_t kCount = sizeof...(Ps);
  static constexpr std::uint32_t kAlign = std::max({std::uint32_t{sizeof(D)}, Payload<Ps>::kAlign...});
  static constexpr std::uint32_t kPayload =
      align_to(sizeof(D), std::max({std::uint32_t{1}, Payload<Ps>::kAlign...}));
  static constexpr std::uint32_t kSize = align_to(kPayload + std::max({Payload<Ps>::kSize...}), kAlign);
  static constexpr std::uint32_t kFlat = 1 + std::max({Payload<Ps>::kFlat...});
  static constexpr bool kPure = (true && ... && Payload<Ps>::kPure);
  static constexpr bool kHandles = (false || ... || Payload<Ps>::kHandles);
  static constexpr bool kOwns = (false || ... || Payload<Ps>::kOwns);
  static constexpr bool kPlain = false;

  static bool check(LiftCx& cx, std::uint32_t d) {
    return d < kCount || cx.fail("discriminant is past the last case", d, kCount);
  }
  static std::uint32_t discriminant(const std::uint8_t* p) { return load_raw<D>(p); }
  static void put_discriminant(LowerCx& cx, std::uint32_t a, std::uint32_t d) {
    store_raw(cx.at(a), static_cast<D>(d));
  }
  // Flat values that a smaller case leaves over are zero.
  static void pad(berth_val_t*& v, const berth_val_t* end) {
    while (v != end) (v++)->lo = 0;
  }
};

template <class T>
struct Abi<std::optional<T>> : Cases<void, T> {
  using C = Cases<void, T>;
  using V = std::optional<T>;
  static bool load(LiftCx& cx, const std::uint8_t* p, V& out) {
    const std::uint32_t d = C::discriminant(p);
    if (!C::check(cx, d)) return false;
    if (d == 0) return out.reset(), true;
    return Abi<T>::load(cx, p + C::kPayload, out.emplace());
  }
  static bool lift(LiftCx& cx, const berth_val_t*& v, V& out) {
    const berth_val_t* end = v + C::kFlat;
    const auto d = static_cast<std::uint32_t>((v++)->lo);
    if (!C::check(cx, d)) return false;
    const bool ok = d == 0 ? (out.reset(), true) : Abi<T>::lift(cx, v, out.emplace());
    return v = end, ok;
  }
  static bool store(LowerCx& cx, std::uint32_t a, const V& value) {
    C::put_discriminant(cx, a, value ? 1 : 0);
    return !value || Abi<T>::store(cx, a + C::kPayload, *value);
  }
  static bool lower(LowerCx& cx, berth_val_t*& v, const V& value) {
    const berth_val_t* end = v + C::kFlat;
    (v++)->lo = value ? 1 : 0;
    if (value && !Abi<T>::lower(cx, v, *value)) return false;
    return C::pad(v, end), true;
  }
};

// WIT result<T, E>; a missing T is void, a missing E is std::monostate.
template <>
struct Abi<std::monostate> : Payload<void> {
  static constexpr bool kPlain = false;
  static bool load(LiftCx&, const std::uint8_t*, std::monostate&) { return true; }
  static bool lift(LiftCx&, const berth_val_t*&, std::monostate&) { return true; }
  static bool store(LowerCx&, std::uint32_t, std::monostate) { return true; }
  static bool lower(LowerCx&, berth_val_t*&, std::monostate) { return true; }
};

template <class T, class E>
struct Abi<std::expected<T, E>> : Cases<T, E> {
  using C = Cases<T, E>;
  using V = std::expected<T, E>;
  template <class LiftOk, class LiftError>
  static bool fill(V& out, std::uint32_t d, LiftOk ok, LiftError error) {
    if (d == 0) {
      if constexpr (std::is_void_v<T>)
        return out.emplace(), true;
      else {
        if (!out) out = V();
        return ok(*out);
      }
    }
    E e{};
    if (!error(e)) return false;
    out = std::unexpected(std::move(e));
    return true;
  }
  static bool load(LiftCx& cx, const std::uint8_t* p, V& out) {
    const std::uint32_t d = C::discriminant(p);
    if (!C::check(cx, d)) return false;
    return fill(
        out, d, [&]<class O>(O& t) { return Abi<O>::load(cx, p + C::kPayload, t); },
        [&](E& e) { return Abi<E>::load(cx, p + C::kPayload, e); });
  }
  static bool lift(LiftCx& cx, const berth_val_t*& v, V& out) {
    const berth_val_t* end = v + C::kFlat;
    const auto d = static_cast<std::uint32_t>((v++)->lo);
    if (!C::check(cx, d)) return false;
    const bool ok = fill(
        out, d, [&]<class O>(O& t) { return Abi<O>::lift(cx, v, t); },
        [&](E& e) { return Abi<E>::lift(cx, v, e); });
    return v = end, ok;
  }
  static bool store(LowerCx& cx, std::uint32_t a, const V& value) {
    C::put_discriminant(cx, a, value ? 0 : 1);
    if (!value) return Abi<E>::store(cx, a + C::kPayload, value.error());
    if constexpr (std::is_void_v<T>)
      return true;
    else
      return Abi<T>::store(cx, a + C::kPayload, *value);
  }
  static bool lower(LowerCx& cx, berth_val_t*& v, const V& value) {
    const berth_val_t* end = v + C::kFlat;
    (v++)->lo = value ? 0 : 1;
    if (!value) {
      if (!Abi<E>::lower(cx, v, value.error())) return false;
    } else if constexpr (!std::is_void_v<T>) {
      if (!Abi<T>::lower(cx, v, *value)) return false;
    }
    return C::pad(v, end), true;
  }
};

// A generated variant: V::cases is a std::variant of case structs Cs, each with `using Payload` and,
// unless that is void, a member `value`.
template <class V, class... Cs>
struct VariantAbi : Cases<typename Cs::Payload...> {
  using C = Cases<typename Cs::Payload...>;
  using Indices = std::index_sequence_for<Cs...>;

  // Calls f<I> for the case with index d.
  template <class F>
  static bool pick(std::uint32_t d, F f) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      bool ok = false;
      (void)((d == I && (ok = f.template operator()<I>(), true)) || ...);
      return ok;
    }(Indices{});
  }
  template <std::size_t I>
  using Case = std::variant_alternative_t<I, decltype(V::cases)>;

  static bool load(LiftCx& cx, const std::uint8_t* p, V& out) {
    const std::uint32_t d = C::discriminant(p);
    if (!C::check(cx, d)) return false;
    return pick(d, [&]<std::size_t I>() {
      auto& c = out.cases.template emplace<I>();
      using P = typename Case<I>::Payload;
      if constexpr (std::is_void_v<P>)
        return (void)c, true;
      else
        return Abi<P>::load(cx, p + C::kPayload, c.value);
    });
  }
  static bool lift(LiftCx& cx, const berth_val_t*& v, V& out) {
    const berth_val_t* end = v + C::kFlat;
    const auto d = static_cast<std::uint32_t>((v++)->lo);
    if (!C::check(cx, d)) return false;
    const bool ok = pick(d, [&]<std::size_t I>() {
      auto& c = out.cases.template emplace<I>();
      using P = typename Case<I>::Payload;
      if constexpr (std::is_void_v<P>)
        return (void)c, true;
      else
        return Abi<P>::lift(cx, v, c.value);
    });
    return v = end, ok;
  }
  static bool store(LowerCx& cx, std::uint32_t a, const V& value) {
    const auto d = static_cast<std::uint32_t>(value.cases.index());
    C::put_discriminant(cx, a, d);
    return pick(d, [&]<std::size_t I>() {
      using P = typename Case<I>::Payload;
      if constexpr (std::is_void_v<P>)
        return true;
      else
        return Abi<P>::store(cx, a + C::kPayload, std::get<I>(value.cases).value);
    });
  }
  static bool lower(LowerCx& cx, berth_val_t*& v, const V& value) {
    const berth_val_t* end = v + C::kFlat;
    const auto d = static_cast<std::uint32_t>(value.cases.index());
    (v++)->lo = d;
    const bool ok = pick(d, [&]<std::size_t I>() {
      using P = typename Case<I>::Payload;
      if constexpr (std::is_void_v<P>)
        return true;
      else
        return Abi<P>::lower(cx, v, std::get<I>(value.cases).value);
    });
    return C::pad(v, end), ok;
  }
};

// A generated enum class of Count cases.
template <class E, std::uint32_t Count>
struct EnumAbi : ScalarLayout<Discriminant<Count>> {
  using D = Discriminant<Count>;
  static constexpr bool kPlain = false;
  static bool take(LiftCx& cx, std::uint32_t d, E& out) {
    if (d >= Count) [[unlikely]]
      return cx.fail("discriminant is past the last case", d, Count);
    return out = static_cast<E>(d), true;
  }
  static bool load(LiftCx& cx, const std::uint8_t* p, E& out) { return take(cx, load_raw<D>(p), out); }
  static bool lift(LiftCx& cx, const berth_val_t*& v, E& out) {
    return take(cx, static_cast<std::uint32_t>((v++)->lo), out);
  }
  static bool give(LowerCx& cx, E e) {
    return static_cast<std::uint32_t>(e) < Count || cx.fail("the host passed an enum value that is no case");
  }
  static bool store(LowerCx& cx, std::uint32_t a, E e) {
    return give(cx, e) && (store_raw(cx.at(a), static_cast<D>(e)), true);
  }
  static bool lower(LowerCx& cx, berth_val_t*& v, E e) {
    return (v++)->lo = static_cast<std::uint32_t>(e), give(cx, e);
  }
};

// What a generated flags struct stands on: Count labels in the bits of B.
template <class Derived, class B, std::uint32_t Count>
struct FlagsBase {
  using Bits = B;
  static constexpr B kAll =
      static_cast<B>(Count >= sizeof(B) * 8 ? ~B{0} : static_cast<B>((std::uint64_t{1} << Count) - 1));
  B bits = 0;

  [[nodiscard]] constexpr bool has(Derived f) const { return (bits & f.bits) == f.bits; }
  [[nodiscard]] constexpr bool empty() const { return bits == 0; }
  friend constexpr Derived operator|(Derived a, Derived b) { return make(a.bits | b.bits); }
  friend constexpr Derived operator&(Derived a, Derived b) { return make(a.bits & b.bits); }
  friend constexpr Derived operator~(Derived a) { return make(~a.bits & kAll); }
  friend constexpr bool operator==(Derived a, Derived b) { return a.bits == b.bits; }
  constexpr Derived& operator|=(Derived f) { return bits |= f.bits, static_cast<Derived&>(*this); }
  constexpr Derived& operator&=(Derived f) { return bits &= f.bits, static_cast<Derived&>(*this); }
  [[nodiscard]] static constexpr Derived make(std::uint64_t bits) {
    Derived d;
    d.bits = static_cast<B>(bits);
    return d;
  }
};

template <class F>
struct FlagsAbi : ScalarLayout<typename F::Bits> {
  using B = typename F::Bits;
  static constexpr bool kPlain = false;
  // Bits without a label are dropped, as the specification says.
  static bool load(LiftCx&, const std::uint8_t* p, F& out) {
    return out.bits = load_raw<B>(p) & F::kAll, true;
  }
  static bool lift(LiftCx&, const berth_val_t*& v, F& out) {
    return out.bits = static_cast<B>((v++)->lo) & F::kAll, true;
  }
  static bool store(LowerCx& cx, std::uint32_t a, F f) {
    return store_raw(cx.at(a), static_cast<B>(f.bits & F::kAll)), true;
  }
  static bool lower(LowerCx&, berth_val_t*& v, F f) {
    return (v++)->lo = static_cast<B>(f.bits & F::kAll), true;
  }
};

// A generated struct with the fields Ms, in order.
template <class T>
struct MemberType;
template <class S, class M>
struct MemberType<M S::*> {
  using Type = M;
};
template <class R, auto... Ms>
struct RecordAbi : Fields<typename MemberType<decltype(Ms)>::Type...> {
  using F = Fields<typename MemberType<decltype(Ms)>::Type...>;
  template <class M>
  using A = Abi<typename MemberType<M>::Type>;
  static bool load(LiftCx& cx, const std::uint8_t* p, R& out) {
    const std::uint32_t* offset = F::kOffsets.data();
    return (true && ... && A<decltype(Ms)>::load(cx, p + *offset++, out.*Ms));
  }
  static bool lift(LiftCx& cx, const berth_val_t*& v, R& out) {
    return (true && ... && A<decltype(Ms)>::lift(cx, v, out.*Ms));
  }
  static bool store(LowerCx& cx, std::uint32_t a, const R& value) {
    const std::uint32_t* offset = F::kOffsets.data();
    return (true && ... && A<decltype(Ms)>::store(cx, a + *offset++, value.*Ms));
  }
  static bool lower(LowerCx& cx, berth_val_t*& v, const R& value) {
    return (true && ... && A<decltype(Ms)>::lower(cx, v, value.*Ms));
  }
};

}  // namespace berth::abi
