// StateStore: blocking calls, and the store's answers as errors.
#include "library/state_store.h"

#include <algorithm>
#include <limits>

#include "applications/statestore/native/limits.h"
#include "host/wait.h"

namespace berth {

namespace {

using namespace statestore;  // its names meet no other here

constexpr std::uint32_t kPageEntries = 1'000;

template <class T>
T run(Task<T> task) {
  return host::wait_for(std::move(task), {}, [] {});  // the workload's own deadline ends it
}

Error to_error(const StoreError& error) {
  switch (error.kind) {
    case StoreError::Kind::kEtagMismatch: return {Code::kAborted, "the condition does not hold"};
    case StoreError::Kind::kEtagInvalid:
      return {Code::kInvalidArgument, "the text was never an ETag of this store"};
    case StoreError::Kind::kFull: return {Code::kResourceExhausted, "the store is full: " + error.message};
    case StoreError::Kind::kUnsupported: return {Code::kFailedPrecondition, error.message};
    case StoreError::Kind::kScattered: return {Code::kInvalidArgument, error.message};
    case StoreError::Kind::kInternal: break;
  }
  return {Code::kGuestError, error.message};
}

template <class T>
Result<T> unwrap(Answer<T> answer) {
  if (!answer) return fail(std::move(answer).error());
  if (!*answer) return fail(to_error(answer->error()));
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return *std::move(*answer);
  }
}

Condition to_store(const StateCondition& condition) {
  return {static_cast<Condition::Kind>(condition.kind), condition.etag};
}
static_assert(static_cast<int>(StateCondition::Kind::kIfAbsent) ==
                  static_cast<int>(Condition::Kind::kIfAbsent) &&
              static_cast<int>(StateCondition::Kind::kIfEtag) == static_cast<int>(Condition::Kind::kIfEtag));

StateEntry to_entry(const Entry& entry) {
  StateEntry out{std::string(entry.text()), entry.etag, {}};
  if (entry.expires) {
    const auto last = static_cast<Time>(std::numeric_limits<std::int64_t>::max() / 1'000'000);
    out.expires = std::chrono::system_clock::time_point(
        std::chrono::milliseconds(static_cast<std::int64_t>(std::min(*entry.expires, last))));
  }
  return out;
}

Result<std::string> store_key(const std::string& prefix, std::string_view key) {
  if (key.empty()) return fail(Code::kInvalidArgument, "the key is empty");
  return prefix + std::string(key);
}

Result<std::optional<Time>> expiry(Time now, std::optional<std::chrono::seconds> ttl) {
  if (!ttl) return std::nullopt;
  const auto seconds = ttl->count();
  if (seconds < 1 || static_cast<std::uint64_t>(seconds) > kMaxTtlSeconds) {
    return fail(Code::kInvalidArgument, "a ttl is 1 to " + std::to_string(kMaxTtlSeconds) + " seconds");
  }
  return now + static_cast<Time>(seconds) * 1000;
}

}  // namespace

Result<std::optional<StateEntry>> StateStore::get(std::string_view key) const {
  const std::string full = BERTH_TRY(store_key(impl_->prefix, key));
  const auto entry = BERTH_TRY(unwrap(run(impl_->store->get(current_time(), full))));
  if (!entry) return std::nullopt;
  return to_entry(*entry);
}

Result<std::string> StateStore::set(std::string_view key, std::string_view value, StateCondition condition,
                                    std::optional<std::chrono::seconds> ttl) const {
  const std::string full = BERTH_TRY(store_key(impl_->prefix, key));
  const Time now = current_time();
  const auto expires = BERTH_TRY(expiry(now, ttl));
  return unwrap(run(impl_->store->set(now, {full, value, to_store(condition), expires})));
}

Result<void> StateStore::remove(std::string_view key, StateCondition condition) const {
  const std::string full = BERTH_TRY(store_key(impl_->prefix, key));
  return unwrap(run(impl_->store->remove(current_time(), {full, to_store(condition)})));
}

Result<void> StateStore::transact(std::span<const StateOperation> operations) const {
  const Time now = current_time();
  std::vector<std::string> keys;
  keys.reserve(operations.size());
  std::vector<Operation> told;
  told.reserve(operations.size());
  for (const StateOperation& one : operations) {
    const std::string& key = keys.emplace_back(BERTH_TRY(store_key(impl_->prefix, one.key)));
    if (one.value) {
      const auto expires = BERTH_TRY(expiry(now, one.ttl));
      told.emplace_back(Write{key, *one.value, to_store(one.condition), expires});
    } else {
      told.emplace_back(Removal{key, to_store(one.condition)});
    }
  }
  const auto answer = run(impl_->store->transact(now, told));
  if (!answer) return fail(answer.error());
  if (*answer) return {};
  Error error = to_error(answer->error().error);
  if (answer->error().operation)
    error = std::move(error).context("operation " + std::to_string(*answer->error().operation));
  return fail(std::move(error));
}

Result<std::vector<std::pair<std::string, StateEntry>>> StateStore::list(std::string_view prefix) const {
  const std::string full = impl_->prefix + std::string(prefix);
  std::vector<std::pair<std::string, StateEntry>> out;
  std::optional<std::string> after;
  do {
    Page page = BERTH_TRY(unwrap(run(impl_->store->scan(current_time(), full, after, kPageEntries))));
    for (const Page::Item& item : page.items)
      out.emplace_back(item.key.substr(impl_->prefix.size()), to_entry(item.entry));
    after = std::move(page.next);
  } while (after);
  // A store may give an entry twice.
  std::ranges::sort(out, {}, [](const auto& item) -> const std::string& { return item.first; });
  const auto twice =
      std::ranges::unique(out, {}, [](const auto& item) -> const std::string& { return item.first; });
  out.erase(twice.begin(), twice.end());
  return out;
}

}  // namespace berth
