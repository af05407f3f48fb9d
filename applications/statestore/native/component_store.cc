// ComponentStore: generated types to the application's and back.
#include "applications/statestore/native/component_store.h"

#include <bindings/state_store_bindings.h>

#include <memory>
#include <span>

#include "applications/statestore/native/store.h"

namespace berth::statestore {

namespace {

namespace state = wit::state_store::berth::state;
using Caller = state::StoreExport;

state::store::Condition to_wit(const Condition& condition) {
  using Wit = state::store::Condition;
  switch (condition.kind) {
    case Condition::Kind::kAlways: return {Wit::Always{}};
    case Condition::Kind::kIfAbsent: return {Wit::IfAbsent{}};
    case Condition::Kind::kIfEtag: break;
  }
  return {Wit::IfEtag{std::string(condition.etag)}};
}

StoreError from_wit(state::store::Error error) {
  using Wit = state::store::Error;
  if (std::holds_alternative<Wit::EtagMismatch>(error.cases)) return {StoreError::Kind::kEtagMismatch, {}};
  if (std::holds_alternative<Wit::EtagInvalid>(error.cases)) return {StoreError::Kind::kEtagInvalid, {}};
  if (auto* full = std::get_if<Wit::Full>(&error.cases))
    return {StoreError::Kind::kFull, std::move(full->value)};
  return {StoreError::Kind::kInternal, std::move(std::get<Wit::Internal>(error.cases).value)};
}

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

Answer<std::optional<Entry>> from_wit(
    Result<std::expected<std::optional<state::store::Entry>, state::store::Error>> r) {
  if (!r) return std::unexpected(std::move(r).error());
  if (!*r) return refused<std::optional<Entry>>(from_wit(std::move(*r).error()));
  auto& entry = **r;
  if (!entry) return std::optional<Entry>();
  return std::optional<Entry>(Entry{std::move(entry->value), std::move(entry->etag)});
}

template <class T>
Answer<T> from_wit(Result<std::expected<T, state::store::Error>> r) {
  if (!r) return std::unexpected(std::move(r).error());
  if (!*r) return refused<T>(from_wit(std::move(*r).error()));
  if constexpr (std::is_void_v<T>) {
    return Answer<void>();
  } else {
    return Answer<T>(*std::move(*r));
  }
}

// As its instance: one call at a time.
class ComponentStore final : public Store {
 public:
  ComponentStore(Caller caller, bool waits) : caller_(std::move(caller)), waits_(waits) {}

  Task<Answer<std::optional<Entry>>> get(std::string_view key) override {
    if (waits_) co_return from_wit(co_await caller_.get_async(std::string(key)));
    co_return from_wit(caller_.get(key));
  }
  Task<Answer<std::string>> set(std::string_view key, std::string_view value, Condition condition) override {
    const auto bytes = bytes_of(value);
    if (waits_) {
      co_return from_wit<std::string>(
          co_await caller_.set_async(std::string(key), {bytes.begin(), bytes.end()}, to_wit(condition)));
    }
    co_return from_wit<std::string>(caller_.set(key, bytes, to_wit(condition)));
  }
  Task<Answer<void>> remove(std::string_view key, Condition condition) override {
    if (waits_) co_return from_wit<void>(co_await caller_.delete__async(std::string(key), to_wit(condition)));
    co_return from_wit<void>(caller_.delete_(key, to_wit(condition)));
  }

 private:
  Caller caller_;
  const bool waits_;  // the component may wait in host functions: its calls need a fibre
};

}  // namespace

host::Binder store_binder() {
  return host::bind_as<Store>([](const abi::Pre& pre) { return Caller::check(pre); },
                              [](abi::Instance& instance) -> Result<std::unique_ptr<Store>> {
                                return std::make_unique<ComponentStore>(BERTH_TRY(Caller::create(instance)),
                                                                        instance.pre().is_async());
                              },
                              Caller::kWitName);
}

}  // namespace berth::statestore
