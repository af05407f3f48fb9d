// MemoryStore over the guest's entries.
#include "applications/statestore/native/memory_store.h"

#include <string>

namespace berth::statestore {

namespace {

constexpr std::size_t kPurgeEntries = 1000;

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

Entry to_entry(const memory::Value& value) {
  const std::string_view bytes = value.bytes.view();
  return {{bytes.begin(), bytes.end()},
          std::to_string(value.version),
          value.expires == memory::kNever ? std::nullopt : std::optional(value.expires)};
}

}  // namespace

std::optional<Entry> MemoryStore::look_up(Time now, std::string_view key) const {
  const memory::Value* const value = entries_.get(now, key);
  if (value == nullptr) return std::nullopt;
  return to_entry(*value);
}

std::expected<std::string, StoreError> MemoryStore::write(Time now, const Write& write) {
  const auto version = entries_.set(now, write.key, memory::Buffer::copy(write.value),
                                    to_entries(write.condition), write.expires.value_or(memory::kNever));
  if (!version) return std::unexpected(to_error(version.error()));
  return std::to_string(*version);
}

std::expected<void, StoreError> MemoryStore::erase(Time now, const Removal& removal) {
  const auto done = entries_.remove(now, removal.key, to_entries(removal.condition));
  if (!done) return std::unexpected(to_error(done.error()));
  return {};
}

Task<Answer<Features>> MemoryStore::features() {
  co_return std::expected<Features, StoreError>(
      {.bulk = true, .transactions = true, .scanning = true, .prefixes = true, .expiry = true});
}

Task<Answer<std::optional<Entry>>> MemoryStore::get(Time now, std::string_view key) {
  const std::lock_guard lock(mutex_);
  co_return std::expected<std::optional<Entry>, StoreError>(look_up(now, key));
}

Task<Answer<std::string>> MemoryStore::set(Time now, Write write) {
  const std::lock_guard lock(mutex_);
  co_return this->write(now, write);
}

Task<Answer<void>> MemoryStore::remove(Time now, Removal removal) {
  const std::lock_guard lock(mutex_);
  co_return erase(now, removal);
}

Task<Answer<Each<std::optional<Entry>>>> MemoryStore::get_many(Time now,
                                                               std::span<const std::string_view> keys) {
  const std::lock_guard lock(mutex_);
  Each<std::optional<Entry>> out;
  for (const std::string_view key : keys) out.push_back(look_up(now, key));
  co_return std::expected<Each<std::optional<Entry>>, StoreError>(std::move(out));
}

Task<Answer<Each<std::string>>> MemoryStore::set_many(Time now, std::span<const Write> writes) {
  const std::lock_guard lock(mutex_);
  Each<std::string> out;
  for (const Write& one : writes) out.push_back(write(now, one));
  co_return std::expected<Each<std::string>, StoreError>(std::move(out));
}

Task<Answer<Each<void>>> MemoryStore::remove_many(Time now, std::span<const Removal> removals) {
  const std::lock_guard lock(mutex_);
  Each<void> out;
  for (const Removal& one : removals) out.push_back(erase(now, one));
  co_return std::expected<Each<void>, StoreError>(std::move(out));
}

Task<Answer<void, Failure>> MemoryStore::transact(Time now, std::span<const Operation> operations) {
  const std::lock_guard lock(mutex_);
  std::vector<memory::Step> steps;
  for (const Operation& operation : operations) {
    if (const auto* write = std::get_if<Write>(&operation)) {
      steps.push_back({write->key, memory::Buffer::copy(write->value), to_entries(write->condition),
                       write->expires.value_or(memory::kNever)});
    } else {
      const auto& removal = std::get<Removal>(operation);
      steps.push_back({removal.key, std::nullopt, to_entries(removal.condition)});
    }
  }
  const auto done = entries_.transact(now, steps);
  if (done) co_return Answer<void, Failure>();
  Failure failure{std::nullopt, to_error(done.error().why)};
  if (done.error().step < steps.size()) failure.operation = static_cast<std::uint32_t>(done.error().step);
  co_return std::expected<void, Failure>(std::unexpect, std::move(failure));
}

Task<Answer<Page>> MemoryStore::scan(Time now, std::string_view prefix, std::optional<std::string_view> after,
                                     std::uint32_t limit) {
  const std::lock_guard lock(mutex_);
  Page page;
  entries_.scan(now, prefix, after, [&](std::string_view key, const memory::Value& value) {
    if (page.items.size() == limit) {
      page.next = page.items.back().key;
      return false;
    }
    page.items.push_back({std::string(key), to_entry(value)});
    return true;
  });
  co_return std::expected<Page, StoreError>(std::move(page));
}

Task<Answer<std::uint64_t>> MemoryStore::remove_prefix(Time now, std::string_view prefix) {
  const std::lock_guard lock(mutex_);
  co_return std::expected<std::uint64_t, StoreError>(entries_.remove_prefix(now, prefix));
}

Task<Answer<Purged>> MemoryStore::purge(Time now, std::optional<std::string_view> after) {
  const std::lock_guard lock(mutex_);
  auto purged = entries_.purge(now, after, kPurgeEntries);
  co_return std::expected<Purged, StoreError>(Purged{purged.entries, std::move(purged.next)});
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
