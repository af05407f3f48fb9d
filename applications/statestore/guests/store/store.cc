// The guest: berth:state and berth:lifecycle over Entries.
#include <charconv>
#include <cstdlib>

#include "entries.h"
#include "memory_store_cpp.h"

namespace state = exports::berth::state;
namespace types = ::berth::state::types;

// Tells builds of one source apart, so that a swap can be seen.
#ifndef STORE_BUILD
#define STORE_BUILD 1
#endif
[[gnu::used]] const int kStoreBuild = 0x570e0000 + STORE_BUILD;

namespace {

// Elements of lists that cross: see wit_layout.h of the guest SDK, which is to be included first.
static_assert(sizeof(std::expected<std::optional<types::Entry>, types::Error>) == 48);
static_assert(sizeof(std::expected<wit::string, types::Error>) == 16);
static_assert(sizeof(std::expected<void, types::Error>) == 16);
static_assert(sizeof(state::scanning::Item) == 40);

// Values of one page of a scan: enough to be worth a call, little enough to be had at any time.
constexpr std::size_t kPageBytes = 1 << 20;
// Entries that one purge looks at: some 100 us.
constexpr std::size_t kPurgeEntries = 1000;

// Memory grows and never shrinks in wasm, so what could be had once can be had again, if only in
// blocks as large as then: the room is asked for as it will be needed.
bool has_room(std::span<const std::size_t> sizes) {
  // Through a volatile pointer, so that the compiler does not leave the question out.
  void* volatile blocks[3] = {};
  bool had = true;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    blocks[i] = std::malloc(sizes[i]);
    had = had && blocks[i] != nullptr;
  }
  for (void* const block : blocks) std::free(block);
  return had;
}

memory::Entries& entries() {
  static memory::Entries all(has_room);
  return all;
}

memory::Condition to_condition(const types::Condition& condition) {
  using Kind = memory::Condition::Kind;
  if (std::holds_alternative<types::Condition::IfAbsent>(condition.variants)) return {Kind::kIfAbsent, {}};
  if (const auto* etag = std::get_if<types::Condition::IfEtag>(&condition.variants)) {
    return {Kind::kIfEtag, etag->value.get_view()};
  }
  return {Kind::kAlways, {}};
}

wit::string to_etag(std::uint64_t version) {
  constexpr std::size_t kDigits = 20;
  auto* const text = static_cast<char*>(std::malloc(kDigits));
  if (text == nullptr) std::abort();  // as operator new does in a guest
  return {text, static_cast<std::size_t>(std::to_chars(text, text + kDigits, version).ptr - text)};
}

std::unexpected<types::Error> full(std::string_view what) {
  return std::unexpected(types::Error{types::Error::Full{wit::string::from_view(what)}});
}

types::Error to_error(memory::Refusal refusal) {
  switch (refusal) {
    case memory::Refusal::kMismatch: return {types::Error::EtagMismatch{}};
    case memory::Refusal::kInvalid: return {types::Error::EtagInvalid{}};
    case memory::Refusal::kFull: break;
  }
  return full(
             "the memory limit is reached: half of it holds the entries, the other half is kept to hand them "
             "over")
      .error();
}

std::optional<std::string_view> view(const std::optional<wit::string>& text) {
  if (!text) return std::nullopt;
  return text->get_view();
}

// A part of all answers is kept free; what is more than that must be asked for.
bool can_answer(std::size_t bytes) {
  const std::size_t blocks[] = {bytes};
  return bytes <= memory::kCallReserve / 2 || has_room(blocks);
}

types::Entry to_entry(const memory::Value& value) {
  auto bytes = wit::vector<std::uint8_t>::allocate(value.bytes.size());
  if (value.bytes.size() > 0) memcpy(bytes.data(), value.bytes.view().data(), value.bytes.size());
  return {.value = std::move(bytes),
          .etag = to_etag(value.version),
          .expires = value.expires == memory::kNever ? std::nullopt : std::optional(value.expires)};
}

// `answered` are the bytes that the same answer holds already.
std::expected<std::optional<types::Entry>, types::Error> get(std::uint64_t now, std::string_view key,
                                                             std::size_t& answered) {
  const memory::Value* const value = entries().get(now, key);
  if (value == nullptr) return std::nullopt;
  answered += value->bytes.size();
  if (!can_answer(answered)) return full("no memory for an answer of this size; ask for fewer keys at once");
  return to_entry(*value);
}

std::expected<wit::string, types::Error> set(std::uint64_t now, std::string_view key,
                                             wit::vector<std::uint8_t>&& value,
                                             const types::Condition& condition,
                                             std::optional<std::uint64_t> expires) {
  const std::size_t size = value.size();
  const auto version = entries().set(now, key, memory::Buffer(value.leak(), size), to_condition(condition),
                                     expires.value_or(memory::kNever));
  if (!version) return std::unexpected(to_error(version.error()));
  return to_etag(*version);
}

std::expected<void, types::Error> remove(std::uint64_t now, std::string_view key,
                                         const types::Condition& condition) {
  const auto done = entries().remove(now, key, to_condition(condition));
  if (!done) return std::unexpected(to_error(done.error()));
  return {};
}

}  // namespace

// ---- berth:state

std::expected<state::store::Features, wit::string> state::store::Init(
    wit::vector<std::tuple<wit::string, wit::string>> settings) {
  if (!settings.empty()) {
    return std::unexpected(wit::string::from_view("this store has no settings, so it does not know \"" +
                                                  std::get<0>(settings[0]).to_string() + "\""));
  }
  return Features::kBulk | Features::kTransactions | Features::kScanning | Features::kPrefixes |
         Features::kExpiry;
}

std::expected<std::optional<types::Entry>, types::Error> state::store::Get(std::uint64_t now,
                                                                           wit::string key) {
  std::size_t answered = 0;
  return get(now, key.get_view(), answered);
}

std::expected<wit::string, types::Error> state::store::Set(std::uint64_t now, wit::string key,
                                                           wit::vector<std::uint8_t> value,
                                                           Condition condition,
                                                           std::optional<std::uint64_t> expires) {
  return set(now, key.get_view(), std::move(value), condition, expires);
}

std::expected<void, types::Error> state::store::Delete(std::uint64_t now, wit::string key,
                                                       Condition condition) {
  return remove(now, key.get_view(), condition);
}

std::expected<wit::vector<std::expected<std::optional<types::Entry>, types::Error>>, types::Error>
state::bulk::GetMany(std::uint64_t now, wit::vector<wit::string> keys) {
  auto out = wit::vector<std::expected<std::optional<types::Entry>, types::Error>>::allocate(keys.size());
  std::size_t answered = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) out.initialize(i, get(now, keys[i].get_view(), answered));
  return out;
}

std::expected<wit::vector<std::expected<wit::string, types::Error>>, types::Error> state::bulk::SetMany(
    std::uint64_t now, wit::vector<Write> writes) {
  auto out = wit::vector<std::expected<wit::string, types::Error>>::allocate(writes.size());
  for (std::size_t i = 0; i < writes.size(); ++i) {
    Write& write = writes[i];
    out.initialize(i, set(now, write.key.get_view(), std::move(write.value), write.condition, write.expires));
  }
  return out;
}

std::expected<wit::vector<std::expected<void, types::Error>>, types::Error> state::bulk::DeleteMany(
    std::uint64_t now, wit::vector<Removal> removals) {
  auto out = wit::vector<std::expected<void, types::Error>>::allocate(removals.size());
  for (std::size_t i = 0; i < removals.size(); ++i) {
    out.initialize(i, remove(now, removals[i].key.get_view(), removals[i].condition));
  }
  return out;
}

std::expected<void, state::transactions::Failure> state::transactions::Transact(
    std::uint64_t now, wit::vector<Operation> operations) {
  std::vector<memory::Step> steps;
  steps.reserve(operations.size());
  for (Operation& operation : operations.get_view()) {
    if (auto* const set = std::get_if<Operation::Set>(&operation.variants)) {
      const std::size_t size = set->value.value.size();
      steps.push_back({set->value.key.get_view(), memory::Buffer(set->value.value.leak(), size),
                       to_condition(set->value.condition), set->value.expires.value_or(memory::kNever)});
    } else {
      const Removal& removal = std::get<Operation::Delete>(operation.variants).value;
      steps.push_back({removal.key.get_view(), std::nullopt, to_condition(removal.condition)});
    }
  }
  const auto done = entries().transact(now, steps);
  if (done) return {};
  const std::size_t step = done.error().step;
  return std::unexpected(
      Failure{step < steps.size() ? std::optional(static_cast<std::uint32_t>(step)) : std::nullopt,
              to_error(done.error().why)});
}

std::expected<state::scanning::Page, types::Error> state::scanning::Scan(std::uint64_t now,
                                                                         wit::string prefix,
                                                                         std::optional<wit::string> after,
                                                                         std::uint32_t limit) {
  std::vector<std::pair<std::string_view, const memory::Value*>> found;
  std::size_t bytes = 0;
  bool more = false;
  entries().scan(now, prefix.get_view(), view(after), [&](std::string_view key, const memory::Value& value) {
    // The first entry is given whatever its size.
    more = found.size() == limit || (!found.empty() && bytes + key.size() + value.bytes.size() > kPageBytes);
    if (more) return false;
    bytes += key.size() + value.bytes.size();
    found.emplace_back(key, &value);
    return true;
  });
  if (!can_answer(bytes)) return full("no memory to answer with an entry of this size");
  Page page{.items = wit::vector<Item>::allocate(found.size()), .next = std::nullopt};
  for (std::size_t i = 0; i < found.size(); ++i) {
    page.items.initialize(i, {wit::string::from_view(found[i].first), to_entry(*found[i].second)});
  }
  if (more && !found.empty()) page.next.emplace(wit::string::from_view(found.back().first));
  return page;
}

std::expected<std::uint64_t, types::Error> state::prefixes::DeletePrefix(std::uint64_t now,
                                                                         wit::string prefix) {
  return entries().remove_prefix(now, prefix.get_view());
}

std::expected<state::expiry::Purged, types::Error> state::expiry::Purge(std::uint64_t now,
                                                                        std::optional<wit::string> after) {
  const auto purged = entries().purge(now, view(after), kPurgeEntries);
  Purged out{.entries = purged.entries, .next = std::nullopt};
  if (purged.next) out.next.emplace(wit::string::from_view(*purged.next));
  return out;
}

// ---- berth:lifecycle

std::expected<void, wit::string> exports::berth::lifecycle::probe::Probe() {
  const std::size_t blocks[] = {memory::kCallReserve};
  if (has_room(blocks)) return {};
  return std::unexpected(
      wit::string::from_view("the memory limit is too small for a store: 16MiB is the least that is useful"));
}

std::expected<wit::vector<std::uint8_t>, wit::string> exports::berth::lifecycle::handover::Save() {
  auto out = wit::vector<std::uint8_t>::allocate(entries().saved_bytes());
  if (out.data() == nullptr)
    return std::unexpected(wit::string::from_view("no memory to hand the entries over"));
  entries().save(out.data());
  return out;
}

std::expected<void, wit::string> exports::berth::lifecycle::handover::Restore(
    wit::vector<std::uint8_t> state) {
  const auto done = entries().restore(state.data(), state.size());
  if (!done) return std::unexpected(wit::string::from_view(done.error()));
  return {};
}
