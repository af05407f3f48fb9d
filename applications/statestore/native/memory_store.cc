// MemoryStore over the guest's entries.
#include "applications/statestore/native/memory_store.h"

#include <string>

namespace berth::statestore {

namespace {

memory::Condition to_entries(const Condition& condition) {
  return {static_cast<memory::Condition::Kind>(condition.kind), condition.etag};
}
static_assert(static_cast<int>(Condition::Kind::kIfEtag) ==
              static_cast<int>(memory::Condition::Kind::kIfEtag));

StoreError to_error(memory::Refusal refusal) {
  switch (refusal) {
    case memory::Refusal::kMismatch: return {StoreError::Kind::kEtagMismatch, {}};
    case memory::Refusal::kInvalid: return {StoreError::Kind::kEtagInvalid, {}};
    case memory::Refusal::kFull: break;
  }
  return {StoreError::Kind::kFull, "no memory left"};
}

}  // namespace

Task<Answer<std::optional<Entry>>> MemoryStore::get(std::string_view key) {
  const std::lock_guard lock(mutex_);
  const memory::Value* const value = entries_.get(key);
  if (value == nullptr) co_return std::optional<Entry>();
  const std::string_view bytes = value->bytes.view();
  co_return std::optional<Entry>(Entry{{bytes.begin(), bytes.end()}, std::to_string(value->version)});
}

Task<Answer<std::string>> MemoryStore::set(std::string_view key, std::string_view value,
                                           Condition condition) {
  const std::lock_guard lock(mutex_);
  const auto version = entries_.set(key, memory::Buffer::copy(value), to_entries(condition));
  if (!version) co_return refused<std::string>(to_error(version.error()));
  co_return std::to_string(*version);
}

Task<Answer<void>> MemoryStore::remove(std::string_view key, Condition condition) {
  const std::lock_guard lock(mutex_);
  const auto done = entries_.remove(key, to_entries(condition));
  if (!done) co_return refused<void>(to_error(done.error()));
  co_return Answer<void>();
}

std::vector<std::uint8_t> MemoryStore::save() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::uint8_t> out(entries_.saved_bytes());
  entries_.save(out.data());
  return out;
}

Result<void> MemoryStore::restore(std::span<const std::uint8_t> state) {
  const std::lock_guard lock(mutex_);
  auto done = entries_.restore(state.data(), state.size());
  if (!done) return fail(Code::kGuestError, std::move(done).error());
  return {};
}

}  // namespace berth::statestore
