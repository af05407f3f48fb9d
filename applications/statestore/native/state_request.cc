// Parsing of Dapr's state requests.
#include "applications/statestore/native/state_request.h"

#include <fmt/format.h>

#include <charconv>
#include <ctime>

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

// One write, or one delete. What is wrong with a well-formed item goes into `refusal`.
bool read_item(JsonReader& reader, const ItemRules& rules, RequestItem& item, Parsed<>& refusal) {
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

  auto store_key = rules.keys.store_key(key);
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
  const auto expires = expiry(rules.now, rules.ttl_in_seconds.value_or(ttl));
  if (!expires) {
    refusal = std::unexpected(expires.error());
    return reader.fail("metadata");
  }
  item.expires = *expires;
  return true;
}

// One operation of a transaction, in any order of its members.
bool read_operation(JsonReader& reader, const ItemRules& rules, RequestItem& item, Parsed<>& refusal) {
  std::string operation;
  bool has_request = false;
  const bool read = read_object(reader, [&](std::string_view name) {
    if (name == "operation") return reader.string(operation);
    if (name != "request" || reader.peek() != '{') return reader.skip();
    has_request = true;
    return read_item(reader, rules, item, refusal);
  });
  if (!read) return false;
  item.removal = operation == "delete";
  if (!item.removal && operation != "upsert") {
    refusal = std::unexpected(
        Refusal{400, "ERR_NOT_SUPPORTED_STATE_OPERATION", "operation type " + operation + " not supported"});
    return reader.fail("an operation");
  }
  if (!has_request) {
    refusal = malformed("an operation has no request");
    return reader.fail("an operation");
  }
  return true;
}

// The elements of the array that comes next.
template <class F>
bool read_items(JsonReader& reader, const ItemRules& rules, std::vector<RequestItem>& items,
                Parsed<>& refusal, F read) {
  return read_array(reader, [&] {
    if (items.size() == kMaxItems) return reader.fail("more than " + std::to_string(kMaxItems) + " items");
    return read(reader, rules, items.emplace_back(), refusal);
  });
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

Parsed<std::vector<RequestItem>> parse_save(std::string_view body, const ItemRules& rules) {
  if (!is_utf8(body)) return malformed("failed deserializing HTTP body: it is not UTF-8");
  JsonReader reader(body);
  std::vector<RequestItem> items;
  Parsed<> refusal;
  const bool read = read_items(reader, rules, items, refusal, read_item);
  if (!refusal) return std::unexpected(std::move(refusal).error());
  if (!read || !reader.end()) return bad_body(reader);
  return items;
}

Parsed<std::vector<RequestItem>> parse_transaction(std::string_view body, const ItemRules& rules) {
  if (!is_utf8(body)) return malformed("failed deserializing HTTP body: it is not UTF-8");
  JsonReader reader(body);
  std::vector<RequestItem> items;
  Parsed<> refusal;
  const bool read = read_object(reader, [&](std::string_view name) {
    if (name != "operations" || reader.peek() == 'n') return reader.skip();
    items.clear();
    return read_items(reader, rules, items, refusal, read_operation);
  });
  if (!refusal) return std::unexpected(std::move(refusal).error());
  if (!read || !reader.end()) return bad_body(reader);
  return items;
}

std::vector<Operation> to_operations(std::span<const RequestItem> items) {
  std::vector<Operation> out;
  out.reserve(items.size());
  for (const RequestItem& item : items) {
    if (item.removal)
      out.emplace_back(item.to_removal());
    else
      out.emplace_back(item.to_write());
  }
  return out;
}

std::string transaction_failed(const Failure& failure, std::span<const RequestItem> items) {
  std::string out(kTransactionFailed);
  if (failure.operation && *failure.operation < items.size())
    out += ": operation " + std::to_string(*failure.operation) + " with key " + items[*failure.operation].key;
  return out;
}

bool stopped_by_condition(const Failure& failure) {
  return failure.error.kind == StoreError::Kind::kEtagMismatch ||
         failure.error.kind == StoreError::Kind::kEtagInvalid;
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

Parsed<std::optional<Time>> expiry(Time now, std::string_view ttl_in_seconds) {
  if (ttl_in_seconds.empty()) return std::nullopt;
  long long ttl = 0;
  const auto [end, error] =
      std::from_chars(ttl_in_seconds.data(), ttl_in_seconds.data() + ttl_in_seconds.size(), ttl);
  const bool number = error == std::errc() && end == ttl_in_seconds.data() + ttl_in_seconds.size();
  if (number && ttl == -1) return std::nullopt;
  if (!number || ttl <= 0 || static_cast<Time>(ttl) > kMaxTtlSeconds) {
    return malformed("incorrect value for metadata 'ttlInSeconds': '" + std::string(ttl_in_seconds) +
                     "'; write a whole number of seconds from 1 to " + std::to_string(kMaxTtlSeconds) +
                     ", or -1 for no expiry");
  }
  return now + static_cast<Time>(ttl) * 1000;
}

std::string to_rfc3339(Time time) {
  const auto seconds = static_cast<std::time_t>(time / 1000);
  std::tm utc{};
  if (time / 1000 > kMaxTime || gmtime_r(&seconds, &utc) == nullptr) return {};  // no date that people have
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, time % 1000);
}

}  // namespace berth::statestore
