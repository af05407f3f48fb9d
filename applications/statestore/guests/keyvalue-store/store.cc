// The guest: berth:state over one bucket of wasi:keyvalue.
#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "envelope.h"
#include "keyvalue_store_cpp.h"

namespace kv = wasi::keyvalue;
namespace state = exports::berth::state;
namespace types = ::berth::state::types;

namespace {

using keyvalue_store::Header;
using keyvalue_store::kDeletion;
using keyvalue_store::Kept;
using keyvalue_store::kNever;
using keyvalue_store::Place;

// Writers that come between a read and its write before it is given up: as many others at once, all of them
// faster, are not a race but a mistake.
constexpr int kMaxRaces = 64;
// Values fetched in one call where only some are wanted, and what one answer of a scan or one purge holds of
// them: with the largest values of an answer in flight a guest of 128 MiB has room for both.
constexpr std::size_t kFetched = 64;
constexpr std::size_t kPageBytes = 1 << 20;
// The host takes no more in one batch.
constexpr std::size_t kMaxBatch = 10'000;

template <class T>
using Answer = std::expected<T, types::Error>;
using Value = std::optional<wit::vector<std::uint8_t>>;

wit::string text(std::string_view view) { return wit::string::from_view(view); }

std::unexpected<types::Error> internal(std::string_view why) {
  return std::unexpected(types::Error{types::Error::Internal{text(why)}});
}
std::unexpected<types::Error> mismatch() {
  return std::unexpected(types::Error{types::Error::EtagMismatch{}});
}

std::string words(const kv::store::Error& error) {
  if (const auto* other = std::get_if<kv::store::Error::Other>(&error.variants))
    return other->value.to_string();
  return std::holds_alternative<kv::store::Error::AccessDenied>(error.variants)
             ? "the bucket is not granted: see the manifest's grants.keyvalue"
             : "there is no such bucket";
}
std::unexpected<types::Error> failed(const kv::store::Error& error) { return internal(words(error)); }

// ---- the instance

struct Instance {
  std::optional<kv::store::Bucket> bucket;
  // No entry that this instance knows of expires before it, and no deletion is left over. 0: not known.
  std::uint64_t purge_at = 0;
  std::uint64_t purge_next = kNever;  // of the pass that runs

  void will_expire(std::uint64_t at) {
    purge_at = std::min(purge_at, at);
    purge_next = std::min(purge_next, at);
  }
};

Instance& instance() {
  static Instance one;
  return one;
}
const kv::store::Bucket& bucket() { return *instance().bucket; }

// ---- entries

bool alive(const Header& header, std::uint64_t now) { return header.expires > now; }

// What is under a key at `now`: nothing where it is absent, deleted or expired.
Answer<std::optional<Kept>> living(const Value& value, std::uint64_t now, std::string_view key) {
  if (!value) return std::nullopt;
  const auto kept = keyvalue_store::decode(value->get_const_view());
  if (!kept)
    return internal("the bucket holds something else under " + std::string(key) +
                    ": it needs one of its own");
  if (!kept->header || !alive(*kept->header, now)) return std::nullopt;
  return *kept;
}

types::Entry to_entry(const Kept& kept) {
  auto value = wit::vector<std::uint8_t>::allocate(kept.value.size());
  if (!kept.value.empty()) memcpy(value.data(), kept.value.data(), kept.value.size());
  return {.value = std::move(value),
          .etag = text(keyvalue_store::etag_text(kept.header->etag)),
          .expires = kept.header->expires == kNever ? std::nullopt : std::optional(kept.header->expires)};
}

Answer<void> check(const std::optional<std::uint64_t>& etag, const types::Condition& condition) {
  using Condition = types::Condition;
  if (std::holds_alternative<Condition::IfAbsent>(condition.variants)) {
    if (etag) return mismatch();
  } else if (const auto* wanted = std::get_if<Condition::IfEtag>(&condition.variants)) {
    const auto parsed = keyvalue_store::parse_etag(wanted->value.get_view());
    if (!parsed) return std::unexpected(types::Error{types::Error::EtagInvalid{}});
    if (etag != parsed) return mismatch();
  }
  return {};
}
bool always(const types::Condition& condition) {
  return std::holds_alternative<types::Condition::Always>(condition.variants);
}
std::optional<std::uint64_t> etag_of(const std::optional<Kept>& kept) {
  return kept ? std::optional(kept->header->etag) : std::nullopt;
}

Header new_header(std::optional<std::uint64_t> expires) {
  if (expires) instance().will_expire(*expires);
  return {.etag = wasi::random::random::GetRandomU64(), .expires = expires.value_or(kNever)};
}

// Writes `bytes` if the condition holds, whoever else writes meanwhile.
Answer<void> swap(std::uint64_t now, std::string_view key, const types::Condition& condition,
                  std::span<const std::uint8_t> bytes) {
  auto cas = kv::atomics::Cas::New(bucket(), key);
  if (!cas) return failed(cas.error());
  for (int i = 0; i < kMaxRaces; ++i) {
    const auto current = cas->Current();
    if (!current) return failed(current.error());
    const auto there = living(*current, now, key);
    if (!there) return std::unexpected(types::Error(there.error()));
    if (auto holds = check(etag_of(*there), condition); !holds) return holds;
    auto done = kv::atomics::Swap(std::move(*cas), bytes);
    if (done) return {};
    auto* lost = std::get_if<kv::atomics::CasError::CasFailed>(&done.error().variants);
    if (lost == nullptr)
      return failed(std::get<kv::atomics::CasError::StoreError>(done.error().variants).value);
    *cas = std::move(lost->value);
  }
  return internal("too many others write this key");
}

Answer<wit::string> set(std::uint64_t now, std::string_view key, std::span<const std::uint8_t> value,
                        const types::Condition& condition, std::optional<std::uint64_t> expires) {
  const Header header = new_header(expires);
  const auto bytes = keyvalue_store::encode(header, value);
  if (always(condition)) {
    if (auto done = bucket().Set(key, bytes); !done) return failed(done.error());
  } else if (auto done = swap(now, key, condition, bytes); !done) {
    return std::unexpected(std::move(done.error()));
  }
  return text(keyvalue_store::etag_text(header.etag));
}

// Deletions that could not be taken away stay for the next purge.
void clear(std::span<const std::string_view> keys) {
  for (; !keys.empty(); keys = keys.subspan(std::min(keys.size(), kMaxBatch)))
    if (!kv::batch::DeleteMany(bucket(), keys.first(std::min(keys.size(), kMaxBatch))))
      instance().will_expire(0);
}

Answer<void> remove(std::uint64_t now, std::string_view key, const types::Condition& condition) {
  if (always(condition)) {
    if (auto done = bucket().Delete(key); !done) return failed(done.error());
    return {};
  }
  if (std::holds_alternative<types::Condition::IfAbsent>(condition.variants)) {
    const auto value = bucket().Get(key);
    if (!value) return failed(value.error());
    const auto there = living(*value, now, key);
    if (!there) return std::unexpected(types::Error(there.error()));
    return check(etag_of(*there), condition);
  }
  if (auto done = swap(now, key, condition, kDeletion); !done) return done;
  clear({&key, 1});
  return {};
}

// ---- several

std::vector<std::string_view> views(const wit::vector<wit::string>& keys) {
  std::vector<std::string_view> out;
  out.reserve(keys.size());
  for (const wit::string& key : keys.get_const_view()) out.push_back(key.get_view());
  return out;
}

// Values in the order of `keys`.
Answer<std::vector<Value>> fetch(std::span<const std::string_view> keys) {
  auto found = kv::batch::GetMany(bucket(), keys);
  if (!found) return failed(found.error());
  std::vector<Value> out;
  out.reserve(found->size());
  for (auto& pair : found->get_view())
    out.push_back(pair ? Value(std::move(std::get<1>(*pair))) : std::nullopt);
  return out;
}

// Calls each(key, value) for those that exist, a few at a time, until it returns false.
template <class F>
Answer<void> for_each(std::span<const std::string> keys, F each) {
  std::size_t many = kFetched;
  while (!keys.empty()) {
    const auto some = keys.first(std::min(keys.size(), many));
    const std::vector<std::string_view> wanted(some.begin(), some.end());
    auto values = fetch(wanted);
    if (!values) {
      // Perhaps they were too large together.
      if (many == 1) return std::unexpected(std::move(values.error()));
      many = 1;
      continue;
    }
    for (std::size_t i = 0; i < some.size(); ++i)
      if ((*values)[i] && !each(some[i], *(*values)[i])) return {};
    keys = keys.subspan(some.size());
  }
  return {};
}

struct Keys {
  std::vector<std::string> keys;  // in order, each once
  std::optional<std::string> next;
};

Answer<Keys> list(const std::optional<std::string>& cursor, std::string_view prefix) {
  auto page = bucket().ListKeys(cursor);
  if (!page) return failed(page.error());
  Keys out;
  for (const wit::string& key : page->keys.get_const_view())
    if (key.get_view().starts_with(prefix)) out.keys.push_back(key.to_string());
  std::ranges::sort(out.keys);
  const auto twice = std::ranges::unique(out.keys);
  out.keys.erase(twice.begin(), twice.end());
  if (page->cursor) out.next = page->cursor->to_string();
  return out;
}

// What a transaction does to one key.
struct Change {
  std::optional<std::uint64_t> etag;  // as the next operation sees it
  std::vector<std::uint8_t> bytes;    // to write; empty: nothing yet
};

using Failure = state::transactions::Failure;

std::unexpected<Failure> fault(types::Error error, std::optional<std::uint32_t> operation = std::nullopt) {
  return std::unexpected(Failure{operation, std::move(error)});
}

}  // namespace

// ---- berth:state

std::expected<state::store::Features, wit::string> state::store::Init(
    wit::vector<std::tuple<wit::string, wit::string>> settings) {
  std::string name = "default";
  for (const auto& [key, value] : settings.get_view()) {
    if (key.get_view() != "bucket")
      return std::unexpected(
          text("this store has the setting \"bucket\" and does not know \"" + key.to_string() + "\""));
    name = value.to_string();
  }
  auto opened = kv::store::Open(name);
  if (!opened) return std::unexpected(text("bucket " + name + ": " + words(opened.error())));
  instance().bucket.emplace(std::move(*opened));
  return Features::kBulk | Features::kTransactions | Features::kScanning | Features::kPrefixes |
         Features::kExpiry;
}

std::expected<std::optional<types::Entry>, types::Error> state::store::Get(std::uint64_t now,
                                                                           wit::string key) {
  const auto value = bucket().Get(key.get_view());
  if (!value) return failed(value.error());
  const auto there = living(*value, now, key.get_view());
  if (!there) return std::unexpected(types::Error(there.error()));
  if (!*there) return std::nullopt;
  return to_entry(**there);
}

std::expected<wit::string, types::Error> state::store::Set(std::uint64_t now, wit::string key,
                                                           wit::vector<std::uint8_t> value,
                                                           Condition condition,
                                                           std::optional<std::uint64_t> expires) {
  return set(now, key.get_view(), value.get_const_view(), condition, expires);
}

std::expected<void, types::Error> state::store::Delete(std::uint64_t now, wit::string key,
                                                       Condition condition) {
  return remove(now, key.get_view(), condition);
}

std::expected<wit::vector<std::expected<std::optional<types::Entry>, types::Error>>, types::Error>
state::bulk::GetMany(std::uint64_t now, wit::vector<wit::string> keys) {
  const auto wanted = views(keys);
  auto values = fetch(wanted);
  if (!values) return std::unexpected(std::move(values.error()));
  auto out = wit::vector<std::expected<std::optional<types::Entry>, types::Error>>::allocate(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto there = living((*values)[i], now, wanted[i]);
    if (!there)
      out.initialize(i, std::unexpected(types::Error(there.error())));
    else if (!*there)
      out.initialize(i, std::nullopt);
    else
      out.initialize(i, to_entry(**there));
    (*values)[i].reset();
  }
  return out;
}

std::expected<wit::vector<std::expected<wit::string, types::Error>>, types::Error> state::bulk::SetMany(
    std::uint64_t now, wit::vector<Write> writes) {
  auto out = wit::vector<std::expected<wit::string, types::Error>>::allocate(writes.size());
  if (std::ranges::all_of(writes.get_const_view(),
                          [](const Write& write) { return always(write.condition); })) {
    std::vector<std::vector<std::uint8_t>> kept;
    std::vector<std::tuple<std::string_view, std::span<const std::uint8_t>>> entries;
    kept.reserve(writes.size());
    for (std::size_t i = 0; i < writes.size(); ++i) {
      const Header header = new_header(writes[i].expires);
      kept.push_back(keyvalue_store::encode(header, writes[i].value.get_const_view()));
      entries.emplace_back(writes[i].key.get_view(), kept.back());
      out.initialize(i, text(keyvalue_store::etag_text(header.etag)));
    }
    if (auto done = kv::batch::SetMany(bucket(), entries); !done) return failed(done.error());
    return out;
  }
  for (std::size_t i = 0; i < writes.size(); ++i) {
    const Write& write = writes[i];
    out.initialize(
        i, set(now, write.key.get_view(), write.value.get_const_view(), write.condition, write.expires));
  }
  return out;
}

std::expected<wit::vector<std::expected<void, types::Error>>, types::Error> state::bulk::DeleteMany(
    std::uint64_t now, wit::vector<Removal> removals) {
  auto out = wit::vector<std::expected<void, types::Error>>::allocate(removals.size());
  if (std::ranges::all_of(removals.get_const_view(),
                          [](const Removal& one) { return always(one.condition); })) {
    std::vector<std::string_view> keys;
    for (std::size_t i = 0; i < removals.size(); ++i) {
      keys.push_back(removals[i].key.get_view());
      out.initialize(i, {});
    }
    if (auto done = kv::batch::DeleteMany(bucket(), keys); !done) return failed(done.error());
    return out;
  }
  for (std::size_t i = 0; i < removals.size(); ++i)
    out.initialize(i, remove(now, removals[i].key.get_view(), removals[i].condition));
  return out;
}

// The conditions are checked, then everything is written in one batch, which the bucket does as a whole.
std::expected<void, Failure> state::transactions::Transact(std::uint64_t now,
                                                           wit::vector<Operation> operations) {
  const auto key_of = [](const Operation& operation) {
    const auto* set = std::get_if<Operation::Set>(&operation.variants);
    return set != nullptr ? set->value.key.get_view()
                          : std::get<Operation::Delete>(operation.variants).value.key.get_view();
  };
  const auto condition_of = [](const Operation& operation) -> const types::Condition& {
    const auto* set = std::get_if<Operation::Set>(&operation.variants);
    return set != nullptr ? set->value.condition
                          : std::get<Operation::Delete>(operation.variants).value.condition;
  };

  std::map<std::string_view, Change> changes;
  std::vector<std::string> asked;
  for (const Operation& operation : operations.get_const_view()) {
    const auto [change, fresh] = changes.emplace(key_of(operation), Change{});
    if (fresh && !always(condition_of(operation))) asked.emplace_back(change->first);
  }
  std::optional<types::Error> foreign;
  auto read = for_each(asked, [&](const std::string& key, const wit::vector<std::uint8_t>& bytes) {
    const auto kept = keyvalue_store::decode(bytes.get_const_view());
    if (kept && kept->header && alive(*kept->header, now)) changes[key].etag = kept->header->etag;
    if (!kept)
      foreign =
          internal("the bucket holds something else under " + key + ": it needs one of its own").error();
    return kept.has_value();
  });
  if (!read) return fault(std::move(read.error()));
  if (foreign) return fault(std::move(*foreign));

  for (std::size_t i = 0; i < operations.size(); ++i) {
    const Operation& operation = operations[i];
    Change& change = changes[key_of(operation)];
    if (auto holds = check(change.etag, condition_of(operation)); !holds)
      return fault(std::move(holds.error()), static_cast<std::uint32_t>(i));
    if (const auto* set = std::get_if<Operation::Set>(&operation.variants)) {
      const Header header = new_header(set->value.expires);
      change.etag = alive(header, now) ? std::optional(header.etag) : std::nullopt;
      change.bytes = keyvalue_store::encode(header, set->value.value.get_const_view());
    } else {
      change.etag.reset();
      change.bytes.assign(std::begin(kDeletion), std::end(kDeletion));
    }
  }

  std::vector<std::tuple<std::string_view, std::span<const std::uint8_t>>> entries;
  std::vector<std::string_view> deleted;
  for (const auto& [key, change] : changes) {
    entries.emplace_back(key, change.bytes);
    if (change.bytes.size() == 1) deleted.push_back(key);
  }
  if (auto done = kv::batch::SetMany(bucket(), entries); !done) return fault(failed(done.error()).error());
  clear(deleted);
  return {};
}

std::expected<state::scanning::Page, types::Error> state::scanning::Scan(std::uint64_t now,
                                                                         wit::string prefix,
                                                                         std::optional<wit::string> after,
                                                                         std::uint32_t limit) {
  Place place;
  if (after) {
    auto parsed = keyvalue_store::parse_place(after->get_view());
    if (!parsed) return internal("the place to go on from is none of this store's");
    place = std::move(*parsed);
  }
  auto page = list(place.cursor, prefix.get_view());
  if (!page) return std::unexpected(std::move(page.error()));
  std::erase_if(page->keys, [&](const std::string& key) {
    return std::ranges::binary_search(place.given, keyvalue_store::hash(key));
  });
  const std::span all(page->keys);

  std::vector<Item> items;
  std::size_t bytes = 0;
  std::size_t done = all.size();
  std::optional<types::Error> wrong;
  auto read = for_each(all, [&](const std::string& key, const wit::vector<std::uint8_t>& value) {
    const auto kept = keyvalue_store::decode(value.get_const_view());
    if (!kept || !kept->header || !alive(*kept->header, now)) return true;
    // The first entry is given whatever its size.
    if (items.size() == limit || (!items.empty() && bytes + key.size() + kept->value.size() > kPageBytes)) {
      done = static_cast<std::size_t>(&key - page->keys.data());
      return false;
    }
    bytes += key.size() + kept->value.size();
    items.push_back({text(key), to_entry(*kept)});
    return true;
  });
  if (!read) return std::unexpected(std::move(read.error()));

  Page out{.items = wit::vector<Item>::allocate(items.size()), .next = std::nullopt};
  for (std::size_t i = 0; i < items.size(); ++i) out.items.initialize(i, std::move(items[i]));
  if (done < all.size()) {
    for (const std::string& key : all.first(done)) place.given.push_back(keyvalue_store::hash(key));
    std::ranges::sort(place.given);
    out.next = text(keyvalue_store::to_text(place));
  } else if (page->next) {
    out.next = text(keyvalue_store::to_text({page->next, {}}));
  }
  return out;
}

std::expected<std::uint64_t, types::Error> state::prefixes::DeletePrefix(std::uint64_t now,
                                                                         wit::string prefix) {
  std::vector<std::string> keys;
  std::optional<std::string> cursor;
  do {
    auto page = list(cursor, prefix.get_view());
    if (!page) return std::unexpected(std::move(page.error()));
    std::ranges::move(page->keys, std::back_inserter(keys));
    cursor = std::move(page->next);
  } while (cursor);
  std::ranges::sort(keys);
  const auto twice = std::ranges::unique(keys);
  keys.erase(twice.begin(), twice.end());

  std::uint64_t entries = 0;
  auto read = for_each(keys, [&](const std::string&, const wit::vector<std::uint8_t>& value) {
    const auto kept = keyvalue_store::decode(value.get_const_view());
    entries += kept && kept->header && alive(*kept->header, now) ? 1 : 0;
    return true;
  });
  if (!read) return std::unexpected(std::move(read.error()));
  for (std::span<const std::string> rest = keys; !rest.empty();) {
    const auto some = rest.first(std::min(rest.size(), kMaxBatch));
    const std::vector<std::string_view> these(some.begin(), some.end());
    if (auto done = kv::batch::DeleteMany(bucket(), these); !done) return failed(done.error());
    rest = rest.subspan(some.size());
  }
  return entries;
}

std::expected<state::expiry::Purged, types::Error> state::expiry::Purge(std::uint64_t now,
                                                                        std::optional<wit::string> after) {
  Instance& own = instance();
  Purged out{.entries = 0, .next = std::nullopt};
  if (!after) {
    if (own.purge_at > now) return out;
    own.purge_next = kNever;
  }
  auto page = list(after ? std::optional(after->to_string()) : std::nullopt, "");
  if (!page) return std::unexpected(std::move(page.error()));
  std::vector<std::string_view> gone;
  auto read = for_each(page->keys, [&](const std::string& key, const wit::vector<std::uint8_t>& value) {
    const auto kept = keyvalue_store::decode(value.get_const_view());
    if (!kept) return true;
    if (!kept->header || !alive(*kept->header, now)) {
      gone.push_back(key);
      out.entries += kept->header ? 1 : 0;
    } else {
      own.purge_next = std::min(own.purge_next, kept->header->expires);
    }
    return true;
  });
  if (!read) return std::unexpected(std::move(read.error()));
  if (!gone.empty())
    if (auto done = kv::batch::DeleteMany(bucket(), gone); !done) return failed(done.error());
  if (page->next)
    out.next = text(*page->next);
  else
    own.purge_at = own.purge_next;
  return out;
}

// ---- berth:lifecycle

std::expected<void, wit::string> exports::berth::lifecycle::probe::Probe() {
  if (auto there = bucket().Exists("probe"); !there) return std::unexpected(text(words(there.error())));
  return {};
}
