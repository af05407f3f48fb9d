// Parsing of Dapr's state requests.
#include "applications/statestore/native/state_request.h"

#include <charconv>

#include "applications/statestore/native/json_reader.h"
#include "applications/statestore/native/limits.h"
#include "net/http_message.h"

namespace berth::statestore {

namespace {

std::unexpected<Refusal> malformed(std::string message) {
  return std::unexpected(Refusal{400, "ERR_MALFORMED_REQUEST", std::move(message)});
}

std::unexpected<Refusal> bad_body(const JsonReader& reader) {
  return malformed("failed deserializing HTTP body: " + reader.error());
}

// One element of a save request's array. What is wrong with a well-formed item goes into `refusal`.
bool read_item(JsonReader& reader, const KeySpace& keys, SaveItem& item, Parsed<>& refusal) {
  std::string key;
  std::string concurrency;
  std::string ttl;
  item.value = "null";  // what Dapr stores without a value
  const auto text_or_null = [&](std::string& out) {
    out.clear();
    return reader.peek() == 'n' ? reader.skip() : reader.string(out);
  };
  const auto option = [&](std::string_view name) {
    return name == "concurrency" ? text_or_null(concurrency) : reader.skip();
  };
  const auto metadata = [&](std::string_view name) {
    return name == "ttlInSeconds" ? text_or_null(ttl) : reader.skip();
  };
  const bool read = read_object(reader, [&](std::string_view name) {
    if (name == "key") return reader.string(key);
    if (name == "value") return reader.value(item.value);
    if (name == "etag") return text_or_null(item.etag);
    if (name == "options" && reader.peek() == '{') return read_object(reader, option);
    if (name == "metadata" && reader.peek() == '{') return read_object(reader, metadata);
    return reader.skip();
  });
  if (!read) return false;

  auto store_key = keys.store_key(key);
  if (!store_key) {
    refusal = std::unexpected(std::move(store_key).error());
    return reader.fail("a key");
  }
  item.key = *std::move(store_key);
  const auto kind = condition_kind(concurrency, !item.etag.empty());
  if (!kind) {
    refusal = std::unexpected(kind.error());
    return reader.fail("an option");
  }
  item.kind = *kind;
  if (!ttl.empty()) refusal = check_ttl(ttl);
  return refusal.has_value() || reader.fail("metadata");
}

}  // namespace

Parsed<std::string> KeySpace::store_key(std::string_view key) const {
  if (key.empty()) return malformed("a key is missing or empty");
  if (prefix_.size() + key.size() > kMaxKeyBytes) {
    return malformed("a key of " + std::to_string(key.size()) + " bytes is longer than this store accepts (" +
                     std::to_string(kMaxKeyBytes - prefix_.size()) + ")");
  }
  if (key.find("||") != std::string_view::npos) {
    return malformed("input key/keyPrefix '" + std::string(key) + "' can't contain '||'");
  }
  if (!is_utf8(key)) return malformed("a key is not UTF-8");
  std::string out;
  out.reserve(prefix_.size() + key.size());
  return std::move(out.append(prefix_).append(key));
}

Parsed<std::vector<SaveItem>> parse_save(std::string_view body, const KeySpace& keys) {
  if (!is_utf8(body)) return malformed("failed deserializing HTTP body: it is not UTF-8");
  JsonReader reader(body);
  std::vector<SaveItem> items;
  Parsed<> refusal;
  const bool read = read_array(reader, [&] {
    if (items.size() == kMaxItems) return reader.fail("more than " + std::to_string(kMaxItems) + " items");
    return read_item(reader, keys, items.emplace_back(), refusal);
  });
  if (!refusal) return std::unexpected(std::move(refusal).error());
  if (!read || !reader.end()) return bad_body(reader);
  return items;
}

Parsed<std::vector<std::string>> parse_bulk_get(std::string_view body) {
  if (!is_utf8(body)) return malformed("failed deserializing HTTP body: it is not UTF-8");
  JsonReader reader(body);
  std::vector<std::string> keys;
  const bool read = read_object(reader, [&](std::string_view name) {
    if (name != "keys" || reader.peek() == 'n') return reader.skip();
    keys.clear();
    return read_array(reader, [&] {
      if (keys.size() == kMaxItems) return reader.fail("more than " + std::to_string(kMaxItems) + " keys");
      return reader.string(keys.emplace_back());
    });
  });
  if (!read || !reader.end()) return bad_body(reader);
  return keys;
}

std::optional<std::string> query_parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    if (pair.substr(0, pair.find('=')) != name) continue;
    const auto equals = pair.find('=');
    return equals == std::string_view::npos ? "" : net::percent_decode(pair.substr(equals + 1));
  }
  return std::nullopt;
}

Parsed<Condition::Kind> condition_kind(std::string_view concurrency, bool has_etag) {
  using Kind = Condition::Kind;
  const bool first_write = concurrency == "first-write";
  if (!first_write && !concurrency.empty() && concurrency != "last-write") {
    return malformed("unrecognized concurrency '" + std::string(concurrency) +
                     "': write first-write or last-write");
  }
  if (has_etag) return Kind::kIfEtag;
  return first_write ? Kind::kIfAbsent : Kind::kAlways;
}

Parsed<> check_ttl(std::string_view ttl_in_seconds) {
  long long ttl = 0;
  const auto [end, error] = std::from_chars(ttl_in_seconds.begin(), ttl_in_seconds.end(), ttl);
  if (error != std::errc() || end != ttl_in_seconds.end()) {
    return malformed("incorrect value for metadata 'ttlInSeconds': '" + std::string(ttl_in_seconds) +
                     "' is not a number");
  }
  if (ttl == -1) return {};
  // Keeping the entry for ever in place of an error would surprise later.
  return std::unexpected(
      Refusal{500, "ERR_STATE_STORE_NOT_SUPPORTED", "this state store does not support ttlInSeconds"});
}

}  // namespace berth::statestore
