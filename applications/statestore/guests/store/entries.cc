// Entries: conditions, room, and the format of a hand-over.
#include "entries.h"

#include <algorithm>
#include <cstring>

namespace memory {

namespace {

// The saved form, all numbers little-endian:
//   header  "berthst1" | u32 format (2) | u32 checksum of what follows the header | u64 last version |
//           u64 number of entries
//   entries, in the order of their keys, each
//           u64 version | u64 expires | u32 key bytes | u32 value bytes | key | value
constexpr char kMagic[8] = {'b', 'e', 'r', 't', 'h', 's', 't', '1'};
constexpr std::uint32_t kFormat = 2;

// What an entry costs beside its bytes, at most: the nodes of map and set and the allocator's headers.
constexpr std::size_t kNodeBytes = 224;
// The same at least. Where the old instance had room for its entries and their saved form, so has the
// new one: this only catches a smaller memory limit before it ends in a trap.
constexpr std::size_t kMinNodeBytes = 64;

template <class N>
void put_bytes(std::uint8_t*& out, N n) {
  std::memcpy(out, &n, sizeof n);
  out += sizeof n;
}

template <class N>
N take(const std::uint8_t*& in) {
  N n;
  std::memcpy(&n, in, sizeof n);
  in += sizeof n;
  return n;
}

// FNV-1a over words: finds a torn or altered state, not an attacker's.
std::uint32_t checksum(const std::uint8_t* data, std::size_t size) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (; size >= 8; size -= 8) hash = (hash ^ take<std::uint64_t>(data)) * 0x100000001b3;
  for (; size > 0; --size) hash = (hash ^ *data++) * 0x100000001b3;
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

// Nothing for a text that set() never returned.
std::optional<std::uint64_t> parse_version(std::string_view text) {
  if (text.empty() || text.size() > 20 || text[0] == '0') return std::nullopt;
  std::uint64_t n = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (n > (UINT64_MAX - digit) / 10) return std::nullopt;
    n = n * 10 + digit;
  }
  return n;
}

}  // namespace

static_assert(sizeof(kMagic) + 2 * sizeof(std::uint32_t) + 2 * sizeof(std::uint64_t) == 32);

Buffer Buffer::copy(std::string_view bytes) {
  if (bytes.empty()) return {};
  auto* const data = static_cast<std::uint8_t*>(std::malloc(bytes.size()));
  if (data == nullptr) std::abort();  // as operator new does in a guest; room was asked for before
  std::memcpy(data, bytes.data(), bytes.size());
  return {data, bytes.size()};
}

std::expected<void, Refusal> Entries::check(std::optional<std::uint64_t> version,
                                            const Condition& condition) {
  switch (condition.kind) {
    case Condition::Kind::kAlways: return {};
    case Condition::Kind::kIfAbsent:
      if (version) return std::unexpected(Refusal::kMismatch);
      return {};
    case Condition::Kind::kIfEtag: {
      const auto wanted = parse_version(condition.etag);
      if (!wanted) return std::unexpected(Refusal::kInvalid);
      if (version != wanted) return std::unexpected(Refusal::kMismatch);
      return {};
    }
  }
  return {};
}

const Value* Entries::get(Time now, std::string_view key) const {
  const auto at = entries_.find(key);
  return at == entries_.end() || at->second.expires <= now ? nullptr : &at->second;
}

std::optional<std::uint64_t> Entries::version_at(Time now, std::string_view key) const {
  const Value* const value = get(now, key);
  if (value == nullptr) return std::nullopt;
  return value->version;
}

bool Entries::has_room_for(std::size_t more, std::size_t keys, std::size_t count) const {
  // The values are here already. A full map doubles its buckets at once.
  const std::size_t buckets = count == 0 ? 0 : std::max(entries_.bucket_count(), count);
  const std::size_t nodes = keys + count * kNodeBytes + 2 * sizeof(void*) * buckets;
  const std::size_t blocks[] = {kHeaderBytes + entry_bytes_ + more, kCallReserve, nodes};
  return has_room_(blocks);
}

std::uint64_t Entries::put(Map::iterator at, std::string_view key, Buffer value, Time expires) {
  if (at == entries_.end()) {
    at = entries_.try_emplace(std::string(key)).first;
    order_.insert(at->first);
    entry_bytes_ += kEntryHeaderBytes + key.size();
  }
  Value& slot = at->second;
  expiring_ += (expires != kNever ? 1 : 0);
  expiring_ -= (slot.expires != kNever ? 1 : 0);
  entry_bytes_ += value.size();
  entry_bytes_ -= slot.bytes.size();
  slot.bytes = std::move(value);
  slot.expires = expires;
  slot.version = ++last_version_;
  return last_version_;
}

void Entries::erase(Map::iterator at) {
  entry_bytes_ -= kEntryHeaderBytes + at->first.size() + at->second.bytes.size();
  expiring_ -= (at->second.expires != kNever ? 1 : 0);
  order_.erase(at->first);
  entries_.erase(at);
}

std::expected<std::uint64_t, Refusal> Entries::set(Time now, std::string_view key, Buffer value,
                                                   const Condition& condition, Time expires) {
  const auto at = entries_.find(key);
  const bool there = at != entries_.end() && at->second.expires > now;
  const auto ok = check(there ? std::optional(at->second.version) : std::nullopt, condition);
  if (!ok) return std::unexpected(ok.error());
  const std::size_t before = at == entries_.end() ? 0 : at->second.bytes.size();
  const std::size_t keys = at == entries_.end() ? kEntryHeaderBytes + key.size() : 0;
  if (keys + value.size() > before && !has_room_for(keys + value.size() - before, keys, keys == 0 ? 0 : 1)) {
    return std::unexpected(Refusal::kFull);
  }
  return put(at, key, std::move(value), expires);
}

std::expected<void, Refusal> Entries::remove(Time now, std::string_view key, const Condition& condition) {
  if (auto ok = check(version_at(now, key), condition); !ok) return ok;
  if (const auto at = entries_.find(key); at != entries_.end()) erase(at);
  return {};
}

std::expected<void, Failure> Entries::transact(Time now, std::span<Step> steps) {
  // What the steps before have made of a key: the version that it will have, or none.
  std::unordered_map<std::string_view, std::optional<std::uint64_t>> after;
  std::uint64_t version = last_version_;
  std::size_t more = 0;
  std::size_t keys = 0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    const auto earlier = after.find(step.key);
    const auto there = earlier != after.end() ? earlier->second : version_at(now, step.key);
    if (const auto ok = check(there, step.condition); !ok) return std::unexpected(Failure{i, ok.error()});
    std::optional<std::uint64_t> next;
    if (step.bytes) {
      ++version;
      if (step.expires > now) next = version;
      keys += kEntryHeaderBytes + step.key.size();
      more += step.bytes->size();
      ++count;
    }
    after.insert_or_assign(step.key, next);
  }
  if (count > 0 && !has_room_for(more + keys, keys, count))
    return std::unexpected(Failure{steps.size(), Refusal::kFull});
  for (Step& step : steps) {
    if (step.bytes) {
      put(entries_.find(step.key), step.key, *std::move(step.bytes), step.expires);
    } else if (const auto at = entries_.find(step.key); at != entries_.end()) {
      erase(at);
    }
  }
  return {};
}

std::uint64_t Entries::remove_prefix(Time now, std::string_view prefix) {
  std::uint64_t removed = 0;
  for (auto at = order_.lower_bound(prefix); at != order_.end() && at->starts_with(prefix);) {
    const auto entry = entries_.find(*at++);
    if (entry->second.expires > now) ++removed;
    erase(entry);
  }
  return removed;
}

Entries::Purged Entries::purge(Time now, std::optional<std::string_view> after, std::size_t limit) {
  Purged out;
  if (expiring_ == 0) return out;
  auto at = after ? order_.upper_bound(*after) : order_.begin();
  for (; at != order_.end() && limit > 0; --limit) {
    const auto entry = entries_.find(*at++);
    const bool last = limit == 1 && at != order_.end();
    if (last) out.next = entry->first;
    if (entry->second.expires > now) continue;
    erase(entry);
    ++out.entries;
  }
  return out;
}

void Entries::save(std::uint8_t* out) const {
  std::uint8_t* const begin = out;
  std::uint8_t* at = out + kHeaderBytes;
  for (const std::string_view key : order_) {
    const Value& value = entries_.find(key)->second;
    put_bytes(at, value.version);
    put_bytes(at, value.expires);
    put_bytes(at, static_cast<std::uint32_t>(key.size()));
    put_bytes(at, static_cast<std::uint32_t>(value.bytes.size()));
    std::memcpy(at, key.data(), key.size());
    at += key.size();
    if (value.bytes.size() > 0) std::memcpy(at, value.bytes.view().data(), value.bytes.size());
    at += value.bytes.size();
  }
  std::memcpy(out, kMagic, sizeof kMagic);
  out += sizeof kMagic;
  put_bytes(out, kFormat);
  put_bytes(out, checksum(begin + kHeaderBytes, entry_bytes_));
  put_bytes(out, last_version_);
  put_bytes(out, static_cast<std::uint64_t>(entries_.size()));
}

std::expected<void, std::string> Entries::restore(const std::uint8_t* data, std::size_t size) {
  const auto refuse = [](const char* why) {
    return std::unexpected(std::string("the handed-over state ") + why);
  };
  if (size < kHeaderBytes || std::memcmp(data, kMagic, sizeof kMagic) != 0)
    return refuse("is not one of this store");
  const std::uint8_t* in = data + sizeof kMagic;
  if (take<std::uint32_t>(in) != kFormat) return refuse("has a format that this version does not read");
  const auto sum = take<std::uint32_t>(in);
  const auto last_version = take<std::uint64_t>(in);
  const auto count = take<std::uint64_t>(in);
  if (sum != checksum(in, size - kHeaderBytes)) return refuse("is damaged: its checksum differs");
  if (count > (size - kHeaderBytes) / kEntryHeaderBytes)
    return refuse("announces more entries than it holds");

  // Read to the end before anything is taken over.
  const std::uint8_t* const end = data + size;
  const std::uint8_t* const first = in;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (static_cast<std::size_t>(end - in) < kEntryHeaderBytes) return refuse("ends inside an entry");
    const auto version = take<std::uint64_t>(in);
    (void)take<Time>(in);
    const std::uint64_t key_bytes = take<std::uint32_t>(in);
    const std::uint64_t value_bytes = take<std::uint32_t>(in);
    if (key_bytes + value_bytes > static_cast<std::uint64_t>(end - in)) return refuse("ends inside an entry");
    if (version == 0 || version > last_version) return refuse("has an entry with an impossible version");
    in += key_bytes + value_bytes;
  }
  if (in != end) return refuse("has bytes after its last entry");
  const std::size_t blocks[] = {size + static_cast<std::size_t>(count) * kMinNodeBytes};
  if (!has_room_(blocks)) {
    return refuse("does not fit into this instance's memory");
  }

  Map entries;
  std::set<std::string_view> order;
  std::size_t expiring = 0;
  entries.reserve(static_cast<std::size_t>(count));
  in = first;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto version = take<std::uint64_t>(in);
    const auto expires = take<Time>(in);
    const std::size_t key_bytes = take<std::uint32_t>(in);
    const std::size_t value_bytes = take<std::uint32_t>(in);
    const auto* text = reinterpret_cast<const char*>(in);
    const auto [at, fresh] = entries.try_emplace(
        std::string(text, key_bytes), Value{Buffer::copy({text + key_bytes, value_bytes}), version, expires});
    if (!fresh) return refuse("has a key twice");
    order.insert(order.end(), at->first);  // they come in order, so each is found to be the last at once
    expiring += (expires != kNever ? 1 : 0);
    in += key_bytes + value_bytes;
  }
  entries_ = std::move(entries);
  order_ = std::move(order);
  expiring_ = expiring;
  entry_bytes_ = size - kHeaderBytes;
  last_version_ = last_version;
  return {};
}

}  // namespace memory
