// Binder: how the exports of a component become the typed object that callers use.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "abi/instance.h"
#include "abi/linker.h"
#include "base/error.h"
#include "base/task.h"
#include "host/version.h"

namespace berth::host {

// Plain value; its functions are called from any thread, several at once.
struct Binder {
  ExportsType exports = nullptr;
  // Looks all exports up, once for each loaded component: a missing export or another type fails the
  // load, never a call.
  std::function<Result<void>(const abi::Pre&)> check;
  // The typed object of a new instance, which outlives it. Points to what `exports` names.
  std::function<Result<std::shared_ptr<void>>(abi::Instance&)> make;
  // What a new instance is told before anything else, given the typed object; may be empty. Bounded by the
  // deadline of the instantiation, and its failure is one of the instantiation.
  std::function<Task<Result<void>>(void*)> begin;
};

// For exports seen as `Exports`: check(pre) -> Result<void>, make(instance) ->
// Result<std::unique_ptr<Exports>>.
template <class Exports, class Check, class Make>
[[nodiscard]] Binder bind_as(Check check, Make make) {
  return {.exports = exports_type<Exports>(),
          .check = std::move(check),
          .make = [make = std::move(make)](abi::Instance& instance) -> Result<std::shared_ptr<void>> {
            std::unique_ptr<Exports> exports = BERTH_TRY(make(instance));
            return std::shared_ptr<void>(std::shared_ptr<Exports>(std::move(exports)));
          },
          .begin = {}};
}

// For callers that call exports by name: Typed<abi::Instance>, whose invoke() takes WAVE text.
[[nodiscard]] inline Binder bind_instance() {
  return {.exports = exports_type<abi::Instance>(),
          .check = [](const abi::Pre&) -> Result<void> { return {}; },
          .make = [](abi::Instance& instance) -> Result<std::shared_ptr<void>> {
            return std::shared_ptr<void>(std::shared_ptr<void>(), &instance);
          },
          .begin = {}};
}

}  // namespace berth::host
