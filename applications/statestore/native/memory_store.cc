// MemoryStore and DirectStore.
#include "applications/statestore/native/memory_store.h"

#include <string>

namespace berth::statestore {

namespace {

store::Condition to_entries(const Condition& condition) {
  return {static_cast<store::Condition::Kind>(condition.kind), condition.etag};
}
static_assert(static_cast<int>(Condition::Kind::kIfEtag) == static_cast<int>(store::Condition::Kind::kIfEtag));

StoreError to_error(store::Refusal refusal) {
  switch (refusal) {
    case store::Refusal::kMismatch: return {StoreError::Kind::kEtagMismatch, {}};
    case store::Refusal::kInvalid: return {StoreError::Kind::kEtagInvalid, {}};
    case store::Refusal::kFull: break;
  }
  return {StoreError::Kind::kFull, "no memory left"};
}

}  // namespace

Answer<std::optional<Entry>> MemoryStore::get(std::string_view key) {
  const store::Value* const value = entries_.get(key);
  if (value == nullptr) return std::optional<Entry>();
  return std::optional<Entry>(Entry{value->bytes, std::to_string(value->version)});
}

Answer<std::string> MemoryStore::set(std::string_view key, std::string_view value, const Condition& condition) {
  const auto version = entries_.set(key, value, to_entries(condition));
  if (!version) return refused<std::string>(to_error(version.error()));
  return std::to_string(*version);
}

Answer<void> MemoryStore::remove(std::string_view key, const Condition& condition) {
  const auto done = entries_.remove(key, to_entries(condition));
  if (!done) return refused<void>(to_error(done.error()));
  return {};
}

Result<std::vector<std::uint8_t>> MemoryStore::save() const {
  std::vector<std::uint8_t> out(entries_.saved_bytes());
  entries_.save(out.data());
  return out;
}

Result<void> MemoryStore::restore(std::span<const std::uint8_t> state) {
  auto done = entries_.restore(state.data(), state.size());
  if (!done) return fail(Code::kGuestError, std::move(done).error());
  return {};
}

Task<Answer<std::optional<Entry>>> DirectStore::get(std::string_view key) {
  std::lock_guard lock(mutex_);
  co_return store_.get(key);
}

Task<Answer<std::string>> DirectStore::set(std::string_view key, std::string_view value, Condition condition) {
  std::lock_guard lock(mutex_);
  co_return store_.set(key, value, condition);
}

Task<Answer<void>> DirectStore::remove(std::string_view key, Condition condition) {
  std::lock_guard lock(mutex_);
  co_return store_.remove(key, condition);
}

}  // namespace berth::statestore
