// Entries: conditions, room, and the format of a hand-over.
#include "entries.h"

#include <cstring>

namespace memory {

namespace {

// The saved form, all numbers little-endian:
//   header  "berthst1" | u32 format (1) | u32 checksum of what follows the header | u64 last version | u64
//   entries entry   u64 version | u32 key bytes | u32 value bytes | key | value
constexpr char kMagic[8] = {'b', 'e', 'r', 't', 'h', 's', 't', '1'};
constexpr std::uint32_t kFormat = 1;

// What an entry costs beside its bytes, at most: the map's node and the allocator's headers.
constexpr std::size_t kNodeBytes = 160;
// The same at least. Where the old instance had room for its entries and their saved form, so has the
// new one: this only catches a smaller memory limit before it ends in a trap.
constexpr std::size_t kMinNodeBytes = 40;

template <class N>
void put(std::uint8_t*& out, N n) {
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

std::expected<void, Refusal> Entries::check(const Value* now, const Condition& condition) {
  switch (condition.kind) {
    case Condition::Kind::kAlways: return {};
    case Condition::Kind::kIfAbsent:
      if (now != nullptr) return std::unexpected(Refusal::kMismatch);
      return {};
    case Condition::Kind::kIfEtag: {
      const auto version = parse_version(condition.etag);
      if (!version) return std::unexpected(Refusal::kInvalid);
      if (now == nullptr || now->version != *version) return std::unexpected(Refusal::kMismatch);
      return {};
    }
  }
  return {};
}

const Value* Entries::get(std::string_view key) const {
  const auto at = entries_.find(key);
  return at == entries_.end() ? nullptr : &at->second;
}

std::expected<std::uint64_t, Refusal> Entries::set(std::string_view key, Buffer value,
                                                   const Condition& condition) {
  const auto at = entries_.find(key);
  Value* const now = at == entries_.end() ? nullptr : &at->second;
  if (auto ok = check(now, condition); !ok) return std::unexpected(ok.error());

  const std::size_t saved_before = now == nullptr ? 0 : kEntryHeaderBytes + key.size() + now->bytes.size();
  const std::size_t saved_after = kEntryHeaderBytes + key.size() + value.size();
  if (saved_after > saved_before) {
    // The value is here already. A full map doubles its buckets at once.
    const std::size_t entry = key.size() + kNodeBytes + 2 * sizeof(void*) * entries_.bucket_count();
    const std::size_t saved = kHeaderBytes + entry_bytes_ - saved_before + saved_after;
    const std::size_t blocks[] = {saved, kCallReserve, entry};
    if (!has_room_(blocks)) return std::unexpected(Refusal::kFull);
  }
  Value& slot = now == nullptr ? entries_[std::string(key)] : *now;
  slot.bytes = std::move(value);
  slot.version = ++last_version_;
  entry_bytes_ = entry_bytes_ - saved_before + saved_after;
  return last_version_;
}

std::expected<void, Refusal> Entries::remove(std::string_view key, const Condition& condition) {
  const auto at = entries_.find(key);
  const Value* const now = at == entries_.end() ? nullptr : &at->second;
  if (auto ok = check(now, condition); !ok) return ok;
  if (now == nullptr) return {};
  entry_bytes_ -= kEntryHeaderBytes + at->first.size() + now->bytes.size();
  entries_.erase(at);
  return {};
}

void Entries::save(std::uint8_t* out) const {
  std::uint8_t* const begin = out;
  std::uint8_t* at = out + kHeaderBytes;
  for (const auto& [key, value] : entries_) {
    put(at, value.version);
    put(at, static_cast<std::uint32_t>(key.size()));
    put(at, static_cast<std::uint32_t>(value.bytes.size()));
    std::memcpy(at, key.data(), key.size());
    at += key.size();
    if (value.bytes.size() > 0) std::memcpy(at, value.bytes.view().data(), value.bytes.size());
    at += value.bytes.size();
  }
  std::memcpy(out, kMagic, sizeof kMagic);
  out += sizeof kMagic;
  put(out, kFormat);
  put(out, checksum(begin + kHeaderBytes, entry_bytes_));
  put(out, last_version_);
  put(out, static_cast<std::uint64_t>(entries_.size()));
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
  entries.reserve(static_cast<std::size_t>(count));
  in = first;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto version = take<std::uint64_t>(in);
    const std::size_t key_bytes = take<std::uint32_t>(in);
    const std::size_t value_bytes = take<std::uint32_t>(in);
    const auto* text = reinterpret_cast<const char*>(in);
    const auto [at, fresh] = entries.try_emplace(
        std::string(text, key_bytes), Value{Buffer::copy({text + key_bytes, value_bytes}), version});
    if (!fresh) return refuse("has a key twice");
    in += key_bytes + value_bytes;
  }
  entries_ = std::move(entries);
  entry_bytes_ = size - kHeaderBytes;
  last_version_ = last_version;
  return {};
}

}  // namespace memory
