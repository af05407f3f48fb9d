// StateStore::Impl: the store behind the public one.
#pragma once

#include <memory>

#include "applications/statestore/native/store.h"
#include "berth/state_store.h"

namespace berth {

// Immutable.
class StateStore::Impl final {
 public:
  Impl(std::shared_ptr<statestore::Store> store, std::string prefix)
      : store(std::move(store)), prefix(std::move(prefix)) {}

  const std::shared_ptr<statestore::Store> store;
  const std::string prefix;  // of the keys, as the trigger's app-id wants it
};

}  // namespace berth
