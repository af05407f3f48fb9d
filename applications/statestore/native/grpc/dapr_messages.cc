// Dapr's gRPC state messages: fields by number.
#include "applications/statestore/native/grpc/dapr_messages.h"

#include "applications/statestore/native/grpc/wire.h"
#include "applications/statestore/native/limits.h"

namespace berth::statestore {

namespace {

constexpr std::uint64_t kFirstWrite = 1;  // StateOptions.StateConcurrency

template <class F>
bool each_field(std::string_view message, F take) {
  WireReader reader(message);
  WireField field;
  while (reader.next(field)) {
    if (!take(field)) return false;
  }
  return reader.ok();
}

bool read_text(const WireField& field, std::string_view& out) {
  out = field.bytes;
  return field.is_bytes;
}

// Etag { string value = 1; }
bool read_etag(std::string_view message, std::string_view& out) {
  return each_field(message, [&](const WireField& f) { return f.number != 1 || read_text(f, out); });
}

// StateOptions { concurrency = 1; consistency = 2; }
bool read_options(std::string_view message, bool& first_write) {
  return each_field(message, [&](const WireField& f) {
    if (f.number == 1) first_write = f.number_value == kFirstWrite;
    return true;
  });
}

// An entry of map<string, string>: { key = 1; value = 2; }
bool read_metadata(std::string_view message, std::string_view& ttl_in_seconds) {
  std::string_view name;
  std::string_view value;
  const bool good = each_field(message, [&](const WireField& f) {
    if (f.number == 1) return read_text(f, name);
    if (f.number == 2) return read_text(f, value);
    return true;
  });
  if (name == "ttlInSeconds") ttl_in_seconds = value;
  return good;
}

// StateItem { key = 1; value = 2; etag = 3; metadata = 4; options = 5; }
bool read_item(std::string_view message, WireItem& item) {
  return each_field(message, [&](const WireField& f) {
    switch (f.number) {
      case 1: return read_text(f, item.key);
      case 2: return read_text(f, item.value);
      case 3: return f.is_bytes && read_etag(f.bytes, item.etag);
      case 4: return f.is_bytes && read_metadata(f.bytes, item.ttl_in_seconds);
      case 5: return f.is_bytes && read_options(f.bytes, item.first_write);
      default: return true;
    }
  });
}

template <class T>
std::optional<T> when(bool good, T&& value) {
  if (!good) return std::nullopt;
  return std::forward<T>(value);
}

}  // namespace

// GetStateRequest { store_name = 1; key = 2; consistency = 3; metadata = 4; }
std::optional<GetStateRequest> parse_get_state(std::string_view message) {
  GetStateRequest r;
  const bool good = each_field(message, [&](const WireField& f) {
    if (f.number == 1) return read_text(f, r.store);
    if (f.number == 2) return read_text(f, r.key);
    return true;
  });
  return when(good, std::move(r));
}

// GetBulkStateRequest { store_name = 1; repeated keys = 2; parallelism = 3; metadata = 4; }
std::optional<GetBulkStateRequest> parse_get_bulk_state(std::string_view message) {
  GetBulkStateRequest r;
  const bool good = each_field(message, [&](const WireField& f) {
    if (f.number == 1) return read_text(f, r.store);
    if (f.number == 2) return r.keys.size() < kMaxItems && read_text(f, r.keys.emplace_back());
    return true;
  });
  return when(good, std::move(r));
}

// SaveStateRequest, DeleteBulkStateRequest { store_name = 1; repeated states = 2; }
std::optional<ItemsRequest> parse_items(std::string_view message) {
  ItemsRequest r;
  const bool good = each_field(message, [&](const WireField& f) {
    if (f.number == 1) return read_text(f, r.store);
    if (f.number == 2)
      return f.is_bytes && r.items.size() < kMaxItems && read_item(f.bytes, r.items.emplace_back());
    return true;
  });
  return when(good, std::move(r));
}

// DeleteStateRequest { store_name = 1; key = 2; etag = 3; options = 4; metadata = 5; }
std::optional<DeleteStateRequest> parse_delete_state(std::string_view message) {
  DeleteStateRequest r;
  const bool good = each_field(message, [&](const WireField& f) {
    switch (f.number) {
      case 1: return read_text(f, r.store);
      case 2: return read_text(f, r.item.key);
      case 3: return f.is_bytes && read_etag(f.bytes, r.item.etag);
      case 4: return f.is_bytes && read_options(f.bytes, r.item.first_write);
      default: return true;
    }
  });
  return when(good, std::move(r));
}

// GetStateResponse { data = 1; etag = 2; metadata = 3; }
std::string get_state_response(const std::optional<Entry>& entry) {
  std::string out;
  if (!entry) return out;
  out.reserve(entry->value.size() + entry->etag.size() + 16);
  append_bytes(out, 1, entry->text());
  append_bytes(out, 2, entry->etag);
  return out;
}

// BulkStateItem { key = 1; data = 2; etag = 3; error = 4; }
void append_bulk_item(std::string& response, std::string_view key, const std::optional<Entry>& entry,
                      std::string_view error) {
  std::string item;
  append_bytes(item, 1, key);
  if (entry) {
    append_bytes(item, 2, entry->text());
    append_bytes(item, 3, entry->etag);
  }
  append_bytes(item, 4, error);
  append_message(response, 1, item);
}

}  // namespace berth::statestore
