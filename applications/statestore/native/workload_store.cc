// WorkloadStore: which instance a call goes to, and copies of calls for shadows.
#include "applications/statestore/native/workload_store.h"

#include <charconv>
#include <functional>
#include <string>
#include <vector>

namespace berth::statestore {

namespace {

std::string_view key_of(std::string_view key) { return key; }
std::string_view key_of(const Write& write) { return write.key; }
std::string_view key_of(const Removal& removal) { return removal.key; }
std::string_view key_of(const Operation& operation) {
  return std::visit([](const auto& one) { return key_of(one); }, operation);
}

// Arguments that outlive the caller's, for a call that is repeated later.
class Copy {
 public:
  explicit Copy(std::string_view key) : key_(key) {}
  explicit Copy(const Write& write)
      : key_(write.key), value_(write.value), etag_(write.condition.etag), view_(write) {}
  explicit Copy(const Removal& removal)
      : key_(removal.key),
        etag_(removal.condition.etag),
        view_{.condition = removal.condition},
        removal_(true) {}
  explicit Copy(const Operation& operation)
      : Copy(std::visit([](const auto& one) { return Copy(one); }, operation)) {}

  [[nodiscard]] std::string_view key() const { return key_; }
  [[nodiscard]] Write write() const { return {key_, value_, {view_.condition.kind, etag_}, view_.expires}; }
  [[nodiscard]] Removal removal() const { return {key_, {view_.condition.kind, etag_}}; }
  [[nodiscard]] Operation operation() const {
    if (removal_) return removal();
    return write();
  }

 private:
  std::string key_;
  std::string value_;
  std::string etag_;
  Write view_;  // what is no text
  bool removal_ = false;
};

template <class Item>
std::vector<Copy> copies(const std::vector<Item>& items) {
  std::vector<Copy> out;
  out.reserve(items.size());
  for (const Item& item : items) out.emplace_back(item);
  return out;
}

void view(const Copy& copy, std::string_view& out) { out = copy.key(); }
void view(const Copy& copy, Write& out) { out = copy.write(); }
void view(const Copy& copy, Removal& out) { out = copy.removal(); }
void view(const Copy& copy, Operation& out) { out = copy.operation(); }

template <class Item>
std::vector<Item> views(const std::vector<Copy>& copies) {
  std::vector<Item> out(copies.size());
  for (std::size_t i = 0; i < copies.size(); ++i) view(copies[i], out[i]);
  return out;
}

// Runs call(store, items) on `items`, and for a shadow on copies of them. Items outlive the task.
template <class Item, class F>
auto with_items(const host::Typed<Store>& workload, host::CallOptions options, const std::vector<Item>& items,
                F call) {
  return workload.call_async(
      options, [&items, call](Store& store) { return call(store, std::span<const Item>(items)); },
      [&items, call] {
        return
            [copied = copies(items), call](Store& store) -> decltype(call(store, std::span<const Item>())) {
              const std::vector<Item> again = views<Item>(copied);
              co_return co_await call(store, std::span<const Item>(again));
            };
      });
}

// Where a walk over all shards goes on: "2:" and the shard's own cursor, or "2" for its beginning.
struct Cursor {
  std::uint32_t shard = 0;
  std::optional<std::string> after;

  [[nodiscard]] static std::optional<Cursor> parse(std::optional<std::string_view> text,
                                                   std::uint32_t shards) {
    Cursor out;
    if (!text) return out;
    const auto [end, error] = std::from_chars(text->begin(), text->end(), out.shard);
    if (error != std::errc() || out.shard >= shards) return std::nullopt;
    if (end == text->end()) return out;
    if (*end != ':') return std::nullopt;
    out.after.emplace(end + 1, text->end());
    return out;
  }
  // Behind this one, when the shard answered with `next`.
  [[nodiscard]] std::optional<std::string> following(const std::optional<std::string>& next,
                                                     std::uint32_t shards) const {
    if (next) return std::to_string(shard) + ":" + *next;
    if (shard + 1 < shards) return std::to_string(shard + 1);
    return std::nullopt;
  }
};

StoreError bad_cursor() {
  return {StoreError::Kind::kInternal, "the place to go on from is not one of this store"};
}

}  // namespace

std::string_view tag_of(std::string_view key) {
  const auto open = key.find('{');
  if (open == std::string_view::npos) return key;
  const auto close = key.find('}', open);
  if (close == std::string_view::npos || close == open + 1) return key;
  return key.substr(open + 1, close - open - 1);
}

host::CallOptions WorkloadStore::about(std::string_view key) const {
  const std::uint32_t shards = this->shards();
  const std::uint64_t hash = std::hash<std::string_view>()(shards == 1 ? key : tag_of(key));
  return {.key = hash, .shard = static_cast<std::uint32_t>(hash % shards)};
}

Task<Answer<Features>> WorkloadStore::features() {
  return workload_.call_async({}, [](Store& store) { return store.features(); });
}

Task<Answer<std::optional<Entry>>> WorkloadStore::get(Time now, std::string_view key) {
  return workload_.call_async(
      about(key), [=](Store& store) { return store.get(now, key); },
      [=] { return [now, copy = Copy(key)](Store& store) { return store.get(now, copy.key()); }; });
}

Task<Answer<std::string>> WorkloadStore::set(Time now, Write write) {
  return workload_.call_async(
      about(write.key), [=](Store& store) { return store.set(now, write); },
      [=] { return [now, copy = Copy(write)](Store& store) { return store.set(now, copy.write()); }; });
}

Task<Answer<void>> WorkloadStore::remove(Time now, Removal removal) {
  return workload_.call_async(
      about(removal.key), [=](Store& store) { return store.remove(now, removal); },
      [=] {
        return [now, copy = Copy(removal)](Store& store) { return store.remove(now, copy.removal()); };
      });
}

template <class T, class Item, class F>
Task<Answer<Each<T>>> WorkloadStore::spread(std::span<const Item> items, F call) const {
  std::vector<std::vector<std::size_t>> places(shards());
  for (std::size_t i = 0; i < items.size(); ++i) places[about(key_of(items[i])).shard].push_back(i);
  Each<T> out(items.size());
  for (std::uint32_t shard = 0; shard < places.size(); ++shard) {
    if (places[shard].empty()) continue;
    std::vector<Item> part;
    part.reserve(places[shard].size());
    for (const std::size_t i : places[shard]) part.push_back(items[i]);
    auto answer = co_await with_items(workload_, at(shard), part, call);
    if (!answer) co_return std::unexpected(std::move(answer).error());
    // Other shards may have done theirs: an error of this one is that of its items.
    for (std::size_t i = 0; i < part.size(); ++i) {
      out[places[shard][i]] = *answer ? std::move((**answer)[i]) : std::unexpected(answer->error());
    }
  }
  co_return std::expected<Each<T>, StoreError>(std::move(out));
}

Task<Answer<Each<std::optional<Entry>>>> WorkloadStore::get_many(Time now,
                                                                 std::span<const std::string_view> keys) {
  return spread<std::optional<Entry>>(keys, [now](Store& store, std::span<const std::string_view> part) {
    return store.get_many(now, part);
  });
}

Task<Answer<Each<std::string>>> WorkloadStore::set_many(Time now, std::span<const Write> writes) {
  return spread<std::string>(
      writes, [now](Store& store, std::span<const Write> part) { return store.set_many(now, part); });
}

Task<Answer<Each<void>>> WorkloadStore::remove_many(Time now, std::span<const Removal> removals) {
  return spread<void>(
      removals, [now](Store& store, std::span<const Removal> part) { return store.remove_many(now, part); });
}

Task<Answer<void, Failure>> WorkloadStore::transact(Time now, std::span<const Operation> operations) {
  if (operations.empty()) co_return Answer<void, Failure>();
  const host::CallOptions first = about(key_of(operations.front()));
  for (std::size_t i = 1; i < operations.size(); ++i) {
    if (about(key_of(operations[i])).shard == first.shard) continue;
    co_return std::expected<void, Failure>(
        std::unexpect,
        Failure{static_cast<std::uint32_t>(i),
                {StoreError::Kind::kScattered,
                 "the keys " + std::string(key_of(operations.front())) + " and " +
                     std::string(key_of(operations[i])) +
                     " are kept by different instances, which cannot write as one; give them the same {tag}, "
                     "as in stock{17} and order{17}, or write `instances: one` for the workload"}});
  }
  const std::vector<Operation> all(operations.begin(), operations.end());
  co_return co_await with_items(workload_, first, all, [now](Store& store, std::span<const Operation> part) {
    return store.transact(now, part);
  });
}

Task<Answer<Page>> WorkloadStore::scan(Time now, std::string_view prefix,
                                       std::optional<std::string_view> after, std::uint32_t limit) {
  const auto cursor = Cursor::parse(after, shards());
  if (!cursor) co_return refused<Page>(bad_cursor());
  const std::optional<std::string_view> from(cursor->after);
  auto answer = co_await workload_.call_async(
      at(cursor->shard), [=](Store& store) { return store.scan(now, prefix, from, limit); },
      [=] {
        return [=, prefix = std::string(prefix), from = cursor->after](Store& store) {
          return store.scan(now, prefix, from, limit);
        };
      });
  if (answer && *answer) (**answer).next = cursor->following((**answer).next, shards());
  co_return answer;
}

Task<Answer<std::uint64_t>> WorkloadStore::remove_prefix(Time now, std::string_view prefix) {
  std::uint64_t removed = 0;
  for (std::uint32_t shard = 0; shard < shards(); ++shard) {
    auto answer = co_await workload_.call_async(
        at(shard), [=](Store& store) { return store.remove_prefix(now, prefix); },
        [=] {
          return
              [now, prefix = std::string(prefix)](Store& store) { return store.remove_prefix(now, prefix); };
        });
    if (!answer || !*answer) co_return answer;
    removed += **answer;
  }
  co_return std::expected<std::uint64_t, StoreError>(removed);
}

Task<Answer<Purged>> WorkloadStore::purge(Time now, std::optional<std::string_view> after) {
  const auto cursor = Cursor::parse(after, shards());
  if (!cursor) co_return refused<Purged>(bad_cursor());
  const std::optional<std::string_view> from(cursor->after);
  auto answer = co_await workload_.call_async(
      at(cursor->shard), [=](Store& store) { return store.purge(now, from); },
      [=] { return [now, from = cursor->after](Store& store) { return store.purge(now, from); }; });
  if (answer && *answer) (**answer).next = cursor->following((**answer).next, shards());
  co_return answer;
}

}  // namespace berth::statestore
