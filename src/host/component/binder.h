// Binder: how the exports of a component become the typed object that callers use.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "abi/instance.h"
#include "abi/linker.h"
#include "base/error.h"
#include "host/version.h"

namespace berth::host {

// Plain value; its functions are called from any thread, several at once.
struct Binder {
  ExportsType exports = nullptr;
  // The interface that check() looks for, "ns:pkg/name@1.0.0", for who cannot link; empty when there is none.
  std::string_view interface;
  // Looks all exports up, once for each loaded component: a missing export or another type fails the
  // load, never a call.
  std::function<Result<void>(const abi::Pre&)> check;
  // The typed object of a new instance, which outlives it. Points to what `exports` names.
  std::function<Result<std::shared_ptr<void>>(abi::Instance&)> make;
};

// `interface` is a constant. For exports seen as `Exports`: check(pre) -> Result<void>, make(instance) ->
// Result<std::unique_ptr<Exports>>.
template <class Exports, class Check, class Make>
[[nodiscard]] Binder bind_as(Check check, Make make, std::string_view interface = {}) {
  return {.exports = exports_type<Exports>(),
          .interface = interface,
          .check = std::move(check),
          .make = [make = std::move(make)](abi::Instance& instance) -> Result<std::shared_ptr<void>> {
            std::unique_ptr<Exports> exports = BERTH_TRY(make(instance));
            return std::shared_ptr<void>(std::shared_ptr<Exports>(std::move(exports)));
          }};
}

// For callers that call exports by name: Typed<abi::Instance>, whose invoke() takes WAVE text.
[[nodiscard]] inline Binder bind_instance() {
  return {.exports = exports_type<abi::Instance>(),
          .interface = {},
          .check = [](const abi::Pre&) -> Result<void> { return {}; },
          .make = [](abi::Instance& instance) -> Result<std::shared_ptr<void>> {
            return std::shared_ptr<void>(std::shared_ptr<void>(), &instance);
          }};
}

}  // namespace berth::host
