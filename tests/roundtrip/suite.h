// A round-trip suite: the functions of one generated package, and how each is called once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "abi/instance.h"
#include "abi/linker.h"
#include "base/error.h"
#include "roundtrip/values.h"

namespace berth::roundtrip {

template <class Guest>
struct EchoCase {
  const char* name;
  const char* type;  // WIT, names expanded
  // One call with random values. What went wrong, if anything.
  std::optional<std::string> (*once)(Guest& guest, Source& source);
};

template <class Guest>
struct Suite {
  Result<void> (*add_host)(abi::Linker&) = nullptr;
  void (*provide_host)(abi::InstanceState&) = nullptr;
  std::vector<EchoCase<Guest>> cases;
  Result<std::unique_ptr<Guest>> (*open)(abi::Instance&) = nullptr;
};

// What a function with the parameters Ps answers when it is an echo.
template <auto Method, class... Ps, class Guest = typename abi::MethodTraits<decltype(Method)>::Owner>
std::optional<std::string> echo(Guest& guest, Source& source) {
  const std::tuple<Ps...> sent{make<Ps>(source)...};
  const auto result = std::apply([&](const Ps&... p) { return (guest.*Method)(p...); }, sent);
  if (!result) return result.error().to_string();
  const bool unchanged = [&] {
    if constexpr (sizeof...(Ps) == 1)
      return same(std::get<0>(sent), *result);
    else
      return same(sent, *result);
  }();
  return unchanged ? std::nullopt : std::optional<std::string>("the value came back changed");
}

// An owned value from what a host function takes.
inline std::string own(std::string_view s) { return std::string(s); }
template <class T>
std::vector<T> own(std::span<const T> s) {
  return {s.begin(), s.end()};
}
template <class T>
const T& own(const T& value) {
  return value;
}

template <class R, class... Ps>
Result<R> answer(const Ps&... parameters) {
  if constexpr (sizeof...(Ps) == 1)
    return Result<R>(std::in_place, own(parameters)...);
  else
    return R(own(parameters)...);
}

}  // namespace berth::roundtrip
