// What generated suites are made of: calling an echo, and being one.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/error.h"
#include "roundtrip/suite.h"
#include "roundtrip/values.h"

namespace berth::roundtrip {

// What a function with the parameters Ps answers when it is an echo.
template <auto Method, class... Ps, class Guest = typename abi::MethodTraits<decltype(Method)>::Owner>
std::optional<std::string> echo(void* exports, Source& source) {
  Guest& guest = *static_cast<Guest*>(exports);
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

template <class Guest, class GuestExport>
Result<std::shared_ptr<void>> open(abi::Instance& instance) {
  std::unique_ptr<Guest> guest = std::make_unique<GuestExport>(BERTH_TRY(GuestExport::create(instance)));
  return std::shared_ptr<Guest>(std::move(guest));
}

template <class Guest>
Result<void> set_through(void* guest, bool on) {
  return static_cast<Guest*>(guest)->set_through(on);
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
