// What the generated C++ guest stands on: an echo of any value, through the host where it is told to.
// Included after the bindings.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

// Arrays of views that live as long as one call of the host.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
    for (void* block : blocks_) ::operator delete(block);
  }
  template <class T>
  T* allocate(std::size_t count) {
    blocks_.push_back(::operator new(sizeof(T) * (count == 0 ? 1 : count)));
    return static_cast<T*>(blocks_.back());
  }

 private:
  std::vector<void*> blocks_;
};

// What an import's parameter is made of, from the owned value: wit-bindgen takes lists and strings
// as views, also inside options, tuples and results, and everything else as it is.
template <class To>
struct As {
  static To from(To& value, Arena&) { return std::move(value); }
};
template <>
struct As<std::string_view> {
  static std::string_view from(wit::string& value, Arena&) { return value.get_view(); }
};
template <class E>
struct As<std::span<E const>> {
  static std::span<E const> from(wit::vector<E>& value, Arena&) { return value.get_const_view(); }
  template <class Owned>
  static std::span<E const> from(wit::vector<Owned>& value, Arena& arena) {
    E* views = arena.allocate<E>(value.size());
    for (std::size_t i = 0; i < value.size(); ++i) new (views + i) E(As<E>::from(value[i], arena));
    return {views, value.size()};
  }
};
template <class T>
struct As<std::optional<T>> {
  template <class Owned>
  static std::optional<T> from(std::optional<Owned>& value, Arena& arena) {
    if (!value) return std::nullopt;
    return std::optional<T>(std::in_place, As<T>::from(*value, arena));
  }
};
template <class... T>
struct As<std::tuple<T...>> {
  template <class... Owned>
  static std::tuple<T...> from(std::tuple<Owned...>& value, Arena& arena) {
    return std::apply([&](Owned&... parts) { return std::tuple<T...>(As<T>::from(parts, arena)...); }, value);
  }
};
template <class T, class E>
struct As<std::expected<T, E>> {
  template <class OwnedT, class OwnedE>
  static std::expected<T, E> from(std::expected<OwnedT, OwnedE>& value, Arena& arena) {
    if (!value) return std::unexpected<E>(As<E>::from(value.error(), arena));
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return std::expected<T, E>(std::in_place, As<T>::from(*value, arena));
    }
  }
};

inline bool through_host = false;

template <class R, class... P, class... A>
R echo(R (*host)(P...), A&... parameters) {
  if (through_host) {
    Arena arena;
    return host(As<P>::from(parameters, arena)...);
  }
  if constexpr (sizeof...(A) == 1) {
    return (std::move(parameters), ...);
  } else {
    return R(std::move(parameters)...);
  }
}
