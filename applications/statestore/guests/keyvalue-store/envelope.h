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

// Where a scan goes on: the bucket's cursor of a page, and the keys of that page which were given already, as
// the last one in order and a checksum of them all. Where they are others now, the page begins anew: a page
// may be cut differently the next time, and what was not given would be passed over.
struct Place {
  std::optional<std::string> cursor;  // none: the first page
  std::string last;                   // empty: the page was not begun
  std::uint64_t given = 0;
};

// FNV-1a over keys and their ends.
[[nodiscard]] inline std::uint64_t checksum(std::span<const std::string> keys) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::string& key : keys) {
    for (const char c : key) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
    hash = (hash ^ 0x100) * 0x100000001b3;
  }
  return hash;
}

// Checksum, length of the last key and ":" each, the last key, and "+" with the cursor if there is one.
[[nodiscard]] inline std::string to_text(const Place& place) {
  std::string out = std::to_string(place.given) + ':' + std::to_string(place.last.size()) + ':' + place.last;
  if (place.cursor) out += '+' + *place.cursor;
  return out;
}
[[nodiscard]] inline std::optional<Place> parse_place(std::string_view text) {
  const auto number = [&]() -> std::optional<std::uint64_t> {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto parsed = parse_etag(text.substr(0, colon));
    text.remove_prefix(colon + 1);
    return parsed;
  };
  const auto given = number();
  const auto size = given ? number() : std::nullopt;
  if (!size || *size > text.size()) return std::nullopt;
  const auto last = static_cast<std::size_t>(*size);
  Place place{.cursor = std::nullopt, .last = std::string(text.substr(0, last)), .given = *given};
  text.remove_prefix(last);
  if (text.empty()) return place;
  if (text[0] != '+') return std::nullopt;
  place.cursor.emplace(text.substr(1));
  return place;
}

}  // namespace keyvalue_store
