// Envelope: how an entry is kept as one value. No wasm: tested natively.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace keyvalue_store {

inline constexpr std::uint64_t kNever = UINT64_MAX;

struct Header {
  std::uint64_t etag = 0;
  std::uint64_t expires = kNever;  // milliseconds since 1970
};

// An entry without its value, or a deletion whose key is still there.
struct Kept {
  std::optional<Header> header;  // none: a deletion
  std::span<const std::uint8_t> value;
};

// An entry is the byte 1, etag, expires (little-endian) and the value; a deletion the byte 2. Other first
// bytes are for later formats.
inline constexpr std::uint8_t kEntry = 1;
inline constexpr std::uint8_t kDeleted = 2;
inline constexpr std::size_t kHeaderBytes = 17;
inline constexpr std::uint8_t kDeletion[] = {kDeleted};

[[nodiscard]] inline std::vector<std::uint8_t> encode(Header header, std::span<const std::uint8_t> value) {
  std::vector<std::uint8_t> out(kHeaderBytes + value.size());
  out[0] = kEntry;
  std::memcpy(out.data() + 1, &header.etag, 8);
  std::memcpy(out.data() + 9, &header.expires, 8);
  if (!value.empty()) std::memcpy(out.data() + kHeaderBytes, value.data(), value.size());
  return out;
}

// Nothing: somebody else wrote it. The value is the argument's.
[[nodiscard]] inline std::optional<Kept> decode(std::span<const std::uint8_t> bytes) {
  if (bytes.size() == 1 && bytes[0] == kDeleted) return Kept{};
  if (bytes.size() < kHeaderBytes || bytes[0] != kEntry) return std::nullopt;
  Header header;
  std::memcpy(&header.etag, bytes.data() + 1, 8);
  std::memcpy(&header.expires, bytes.data() + 9, 8);
  return Kept{header, bytes.subspan(kHeaderBytes)};
}

// An ETag as text, in decimal digits, and back; nothing for a text that is none.
[[nodiscard]] inline std::string etag_text(std::uint64_t etag) { return std::to_string(etag); }
[[nodiscard]] inline std::optional<std::uint64_t> parse_etag(std::string_view text) {
  std::uint64_t etag = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), etag);
  if (error != std::errc() || etag_text(etag) != text) return std::nullopt;
  return etag;
}

// Where a scan goes on: the bucket's cursor of a page, and which of that page's keys were given already. A
// bucket may cut a page differently the next time, so a place in it would pass over what was not given; and
// others may write meanwhile, so to begin it anew might never end.
struct Place {
  std::optional<std::string> cursor;  // none: the first page
  std::vector<std::uint64_t> given;   // hashes of keys, in order
};

// FNV-1a.
[[nodiscard]] inline std::uint64_t hash(std::string_view key) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : key) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
  return hash;
}

// 16 hexadecimal digits for each key, and "+" with the cursor if there is one.
[[nodiscard]] inline std::string to_text(const Place& place) {
  std::string out;
  out.reserve(place.given.size() * 16 + (place.cursor ? place.cursor->size() + 1 : 0));
  for (const std::uint64_t key : place.given)
    for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[key >> shift & 15];
  if (place.cursor) out.append("+").append(*place.cursor);
  return out;
}
[[nodiscard]] inline std::optional<Place> parse_place(std::string_view text) {
  Place place;
  while (!text.empty() && text[0] != '+') {
    if (text.size() < 16) return std::nullopt;
    std::uint64_t key = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + 16, key, 16);
    if (error != std::errc() || end != text.data() + 16) return std::nullopt;
    place.given.push_back(key);
    text.remove_prefix(16);
  }
  if (!text.empty()) place.cursor.emplace(text.substr(1));
  return place;
}

}  // namespace keyvalue_store
