// ComponentStore: generated types to the application's and back.
#include "applications/statestore/native/component_store.h"

#include <bindings/full_state_store_bindings.h>

#include <algorithm>
#include <memory>
#include <span>

namespace berth::statestore {

namespace {

namespace state = wit::full_state_store::berth::state;
namespace types = state::types;

static_assert(state::StoreExport::kWitName == kStoreInterface);

types::Condition to_wit(const Condition& condition) {
  using Wit = types::Condition;
  switch (condition.kind) {
    case Condition::Kind::kAlways: return {Wit::Always{}};
    case Condition::Kind::kIfAbsent: return {Wit::IfAbsent{}};
    case Condition::Kind::kIfEtag: break;
  }
  return {Wit::IfEtag{std::string(condition.etag)}};
}

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

types::Write to_wit(const Write& write) {
  const auto bytes = bytes_of(write.value);
  return {std::string(write.key), {bytes.begin(), bytes.end()}, to_wit(write.condition), write.expires};
}

types::Removal to_wit(const Removal& removal) {
  return {std::string(removal.key), to_wit(removal.condition)};
}

state::transactions::Operation to_wit(const Operation& operation) {
  using Wit = state::transactions::Operation;
  if (const auto* write = std::get_if<Write>(&operation)) return {Wit::Set{to_wit(*write)}};
  return {Wit::Delete{to_wit(std::get<Removal>(operation))}};
}

template <class W, class T>
std::vector<W> all_to_wit(std::span<const T> items) {
  std::vector<W> out;
  out.reserve(items.size());
  for (const T& item : items) out.push_back(to_wit(item));
  return out;
}

StoreError from_wit(types::Error error) {
  using Wit = types::Error;
  if (error.is<Wit::EtagMismatch>()) return {StoreError::Kind::kEtagMismatch, {}};
  if (error.is<Wit::EtagInvalid>()) return {StoreError::Kind::kEtagInvalid, {}};
  if (auto* full = error.get_if<Wit::Full>()) return {StoreError::Kind::kFull, std::move(full->value)};
  return {StoreError::Kind::kInternal, std::move(error.get_if<Wit::Internal>()->value)};
}

Entry from_wit(types::Entry entry) { return {std::move(entry.value), std::move(entry.etag), entry.expires}; }

std::optional<Entry> from_wit(std::optional<types::Entry> entry) {
  if (!entry) return std::nullopt;
  return from_wit(*std::move(entry));
}

std::string from_wit(std::string etag) { return etag; }
std::uint64_t from_wit(std::uint64_t count) { return count; }
Purged from_wit(state::expiry::Purged purged) { return {purged.entries, std::move(purged.next)}; }

Page from_wit(state::scanning::Page page) {
  Page out{{}, std::move(page.next)};
  out.items.reserve(page.items.size());
  for (auto& item : page.items) out.items.push_back({std::move(item.key), from_wit(std::move(item.entry))});
  return out;
}

template <class T, class W>
std::expected<T, StoreError> from_wit(std::expected<W, types::Error> result) {
  if (!result) return std::unexpected(from_wit(std::move(result).error()));
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return from_wit(*std::move(result));
  }
}

template <class T, class W>
Answer<T> answer(Result<std::expected<W, types::Error>> result) {
  if (!result) return std::unexpected(std::move(result).error());
  return from_wit<T>(*std::move(result));
}

// The answer of a bulk call, which has one result for each of `count` items.
template <class T, class W>
Answer<Each<T>> answers(Result<std::expected<std::vector<W>, types::Error>> result, std::size_t count) {
  if (!result) return std::unexpected(std::move(result).error());
  if (!*result) return refused<Each<T>>(from_wit(std::move(*result).error()));
  if ((*result)->size() != count) {
    return refused<Each<T>>(
        {StoreError::Kind::kInternal, "the store answered " + std::to_string(count) + " items with " +
                                          std::to_string((*result)->size()) + " results"});
  }
  Each<T> out;
  out.reserve(count);
  for (auto& one : **result) out.push_back(from_wit<T>(std::move(one)));
  return std::expected<Each<T>, StoreError>(std::move(out));
}

StoreError unsupported(std::string_view what) {
  return {StoreError::Kind::kUnsupported, "this state store does not support " + std::string(what)};
}

// An interface that a component may export.
template <class Export>
class Optional {
 public:
  [[nodiscard]] static bool exported(const abi::Pre& pre) {
    return std::ranges::any_of(pre.component().shape().exports,
                               [](const abi::Item& item) { return item.name == Export::kWitName; });
  }
  [[nodiscard]] static Result<void> check(const abi::Pre& pre) {
    return exported(pre) ? Export::check(pre) : Result<void>();
  }
  [[nodiscard]] Result<void> find(abi::Instance& instance) {
    if (exported(instance.pre())) export_.emplace(BERTH_TRY(Export::create(instance)));
    return {};
  }
  // Whether the store says that it has the feature; an error when it does not export it.
  [[nodiscard]] Result<bool> agrees(bool says_so) const {
    if (says_so && !export_) {
      return fail(Code::kFailedPrecondition, "the component says that it has a feature whose interface " +
                                                 std::string(Export::kWitName) + " it does not export");
    }
    return says_so;
  }
  Export* operator->() { return &*export_; }

 private:
  std::optional<Export> export_;
};

// As its instance: one call at a time.
class ComponentStore final : public Store {
 public:
  [[nodiscard]] static Result<void> check(const abi::Pre& pre) {
    BERTH_TRY(state::StoreExport::check(pre));
    BERTH_TRY(Optional<state::BulkExport>::check(pre));
    BERTH_TRY(Optional<state::TransactionsExport>::check(pre));
    BERTH_TRY(Optional<state::ScanningExport>::check(pre));
    BERTH_TRY(Optional<state::PrefixesExport>::check(pre));
    return Optional<state::ExpiryExport>::check(pre);
  }
  [[nodiscard]] static Result<std::unique_ptr<Store>> create(abi::Instance& instance) {
    std::unique_ptr<ComponentStore> out(
        new ComponentStore(BERTH_TRY(state::StoreExport::create(instance)), instance.pre().is_async()));
    BERTH_TRY(out->bulk_.find(instance));
    BERTH_TRY(out->transactions_.find(instance));
    BERTH_TRY(out->scanning_.find(instance));
    BERTH_TRY(out->prefixes_.find(instance));
    BERTH_TRY(out->expiry_.find(instance));
    return out;
  }

  Task<Result<void>> init(const Settings& settings) {
    std::vector<std::tuple<std::string, std::string>> told(settings.begin(), settings.end());
    auto answer = waits_ ? co_await store_.init_async(std::move(told)) : store_.init(told);
    if (!answer) co_return fail(std::move(answer).error().context("init"));
    if (!*answer) co_return fail(Code::kGuestError, "init: " + std::move(*answer).error());
    using Wit = state::store::Features;
    const Wit told_us = **answer;
    features_ = {.bulk = BERTH_CO_TRY(bulk_.agrees(told_us.has(Wit::kBulk))),
                 .transactions = BERTH_CO_TRY(transactions_.agrees(told_us.has(Wit::kTransactions))),
                 .scanning = BERTH_CO_TRY(scanning_.agrees(told_us.has(Wit::kScanning))),
                 .prefixes = BERTH_CO_TRY(prefixes_.agrees(told_us.has(Wit::kPrefixes))),
                 .expiry = BERTH_CO_TRY(expiry_.agrees(told_us.has(Wit::kExpiry)))};
    co_return Result<void>();
  }

  Task<Answer<Features>> features() override { co_return features_; }

  Task<Answer<std::optional<Entry>>> get(Time now, std::string_view key) override {
    if (waits_) co_return answer<std::optional<Entry>>(co_await store_.get_async(now, std::string(key)));
    co_return answer<std::optional<Entry>>(store_.get(now, key));
  }
  Task<Answer<std::string>> set(Time now, Write write) override {
    if (write.expires && !features_.expiry) co_return refused<std::string>(unsupported("ttlInSeconds"));
    const auto bytes = bytes_of(write.value);
    if (waits_) {
      co_return answer<std::string>(co_await store_.set_async(
          now, std::string(write.key), {bytes.begin(), bytes.end()}, to_wit(write.condition), write.expires));
    }
    co_return answer<std::string>(store_.set(now, write.key, bytes, to_wit(write.condition), write.expires));
  }
  Task<Answer<void>> remove(Time now, Removal removal) override {
    if (waits_) {
      co_return answer<void>(
          co_await store_.delete__async(now, std::string(removal.key), to_wit(removal.condition)));
    }
    co_return answer<void>(store_.delete_(now, removal.key, to_wit(removal.condition)));
  }

  Task<Answer<Each<std::optional<Entry>>>> get_many(Time now,
                                                    std::span<const std::string_view> keys) override {
    if (!features_.bulk) {
      co_return co_await each<std::optional<Entry>>(keys,
                                                    [&](std::string_view key) { return get(now, key); });
    }
    std::vector<std::string> told(keys.begin(), keys.end());
    auto result = waits_ ? co_await bulk_->get_many_async(now, std::move(told)) : bulk_->get_many(now, told);
    co_return answers<std::optional<Entry>>(std::move(result), keys.size());
  }
  Task<Answer<Each<std::string>>> set_many(Time now, std::span<const Write> writes) override {
    if (!features_.bulk) {
      co_return co_await each<std::string>(writes, [&](const Write& write) { return set(now, write); });
    }
    if (!features_.expiry &&
        std::ranges::any_of(writes, [](const Write& w) { return w.expires.has_value(); }))
      co_return refused<Each<std::string>>(unsupported("ttlInSeconds"));
    auto told = all_to_wit<types::Write>(writes);
    auto result = waits_ ? co_await bulk_->set_many_async(now, std::move(told)) : bulk_->set_many(now, told);
    co_return answers<std::string>(std::move(result), writes.size());
  }
  Task<Answer<Each<void>>> remove_many(Time now, std::span<const Removal> removals) override {
    if (!features_.bulk) {
      co_return co_await each<void>(removals, [&](const Removal& removal) { return remove(now, removal); });
    }
    auto told = all_to_wit<types::Removal>(removals);
    auto result =
        waits_ ? co_await bulk_->delete_many_async(now, std::move(told)) : bulk_->delete_many(now, told);
    co_return answers<void>(std::move(result), removals.size());
  }

  Task<Answer<void, Failure>> transact(Time now, std::span<const Operation> operations) override {
    if (!features_.transactions) co_return failed(unsupported("transactions"));
    const auto expires = [](const Operation& operation) {
      const auto* write = std::get_if<Write>(&operation);
      return write != nullptr && write->expires;
    };
    if (!features_.expiry && std::ranges::any_of(operations, expires))
      co_return failed(unsupported("ttlInSeconds"));
    auto told = all_to_wit<state::transactions::Operation>(operations);
    auto result = waits_ ? co_await transactions_->transact_async(now, std::move(told))
                         : transactions_->transact(now, told);
    if (!result) co_return std::unexpected(std::move(result).error());
    if (*result) co_return Answer<void, Failure>();
    state::transactions::Failure failure = std::move(*result).error();
    co_return failed(from_wit(std::move(failure.error)), failure.operation);
  }

  Task<Answer<Page>> scan(Time now, std::string_view prefix, std::optional<std::string_view> after,
                          std::uint32_t limit) override {
    if (!features_.scanning) co_return refused<Page>(unsupported("queries"));
    const std::optional<std::string> from(after);
    if (waits_) {
      co_return answer<Page>(co_await scanning_->scan_async(now, std::string(prefix), from, limit));
    }
    co_return answer<Page>(scanning_->scan(now, prefix, from, limit));
  }
  Task<Answer<std::uint64_t>> remove_prefix(Time now, std::string_view prefix) override {
    if (!features_.prefixes) co_return refused<std::uint64_t>(unsupported("deleting by prefix"));
    if (waits_) {
      co_return answer<std::uint64_t>(co_await prefixes_->delete_prefix_async(now, std::string(prefix)));
    }
    co_return answer<std::uint64_t>(prefixes_->delete_prefix(now, prefix));
  }
  Task<Answer<Purged>> purge(Time now, std::optional<std::string_view> after) override {
    if (!features_.expiry) co_return refused<Purged>(unsupported("ttlInSeconds"));
    const std::optional<std::string> from(after);
    if (waits_) co_return answer<Purged>(co_await expiry_->purge_async(now, from));
    co_return answer<Purged>(expiry_->purge(now, from));
  }

 private:
  ComponentStore(state::StoreExport store, bool waits) : store_(std::move(store)), waits_(waits) {}

  static Answer<void, Failure> failed(StoreError error, std::optional<std::uint32_t> operation = {}) {
    return std::expected<void, Failure>(std::unexpect, Failure{operation, std::move(error)});
  }

  // Item by item. An error of the host ends it: the instance is gone.
  template <class T, class Item, class F>
  static Task<Answer<Each<T>>> each(std::span<const Item> items, F call) {
    Each<T> out;
    out.reserve(items.size());
    for (const Item& item : items) {
      auto one = co_await call(item);
      if (!one) co_return std::unexpected(std::move(one).error());
      out.push_back(*std::move(one));
    }
    co_return std::expected<Each<T>, StoreError>(std::move(out));
  }

  state::StoreExport store_;
  Optional<state::BulkExport> bulk_;
  Optional<state::TransactionsExport> transactions_;
  Optional<state::ScanningExport> scanning_;
  Optional<state::PrefixesExport> prefixes_;
  Optional<state::ExpiryExport> expiry_;
  Features features_;
  const bool waits_;  // the component may wait in host functions: its calls need a fibre
};

}  // namespace

host::Binder store_binder(Settings settings) {
  host::Binder binder = host::bind_as<Store>(ComponentStore::check, ComponentStore::create);
  binder.begin = [settings = std::move(settings)](void* exports) {
    return static_cast<ComponentStore*>(static_cast<Store*>(exports))->init(settings);
  };
  return binder;
}

}  // namespace berth::statestore
