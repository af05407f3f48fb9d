// Dapr's gRPC state messages: fields by number.
#include "applications/statestore/native/grpc/dapr_messages.h"

#include "applications/statestore/native/grpc/wire.h"
#include "applications/statestore/native/json_reader.h"
#include "applications/statestore/native/limits.h"

namespace berth::statestore {

namespace {

constexpr std::uint64_t kFirstWrite = 1;  // StateOptions.StateConcurrency

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

bool read_metadata(std::string_view message, std::string_view& ttl_in_seconds) {
  std::string_view name;
  std::string_view value;
  if (!read_entry(message, name, value)) return false;
  if (name == "ttlInSeconds") ttl_in_seconds = value;
  return true;
}

// StateItem, and SetRequest of a component: { key = 1; value = 2; etag = 3; metadata = 4; options = 5; }
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

// DeleteRequest of a component: { key = 1; etag = 2; metadata = 3; options = 4; }
bool read_removal(std::string_view message, WireItem& item) {
  item.removal = true;
  return each_field(message, [&](const WireField& f) {
    switch (f.number) {
      case 1: return read_text(f, item.key);
      case 2: return f.is_bytes && read_etag(f.bytes, item.etag);
      case 4: return f.is_bytes && read_options(f.bytes, item.first_write);
      default: return true;
    }
  });
}

// A repeated field, each of whose messages is read by read(message, item).
template <class T, class F>
bool read_one_of(const WireField& f, std::vector<T>& items, F read) {
  return f.is_bytes && items.size() < kMaxItems && read(f.bytes, items.emplace_back());
}

std::string etag_message(std::string_view etag) {
  std::string out;
  append_bytes(out, 1, etag);
  return out;
}

void append_expiry(std::string& out, std::uint32_t metadata, const Entry& entry) {
  if (entry.expires) append_entry(out, metadata, "ttlExpireTime", to_rfc3339(*entry.expires));
}

template <class T>
std::optional<T> when(bool good, T&& value) {
  if (!good) return std::nullopt;
  return std::forward<T>(value);
}

}  // namespace

// ---- dapr.proto.runtime.v1 -----------------------------------------------------------------------

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
    if (f.number == 2) return read_one_of(f, r.items, read_item);
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

// ExecuteStateTransactionRequest { storeName = 1; repeated operations = 2; metadata = 3; } of
// TransactionalStateOperation { operationType = 1; request = 2; }
std::optional<TransactionRequest> parse_transaction_request(std::string_view message) {
  TransactionRequest r;
  const auto read_operation = [&](std::string_view operation, WireItem& item) {
    std::string_view type;
    const bool good = each_field(operation, [&](const WireField& f) {
      if (f.number == 1) return read_text(f, type);
      if (f.number == 2) return f.is_bytes && read_item(f.bytes, item);
      return true;
    });
    item.removal = type == "delete";
    if (!item.removal && type != "upsert") r.unknown_operation = type;
    return good;
  };
  const bool good = each_field(message, [&](const WireField& f) {
    if (f.number == 1) return read_text(f, r.store);
    if (f.number == 2) return read_one_of(f, r.items, read_operation);
    return true;
  });
  return when(good, std::move(r));
}

// QueryStateRequest { store_name = 1; query = 2; metadata = 3; }
std::optional<QueryStateRequest> parse_query_state(std::string_view message) {
  QueryStateRequest r;
  const bool good = each_field(message, [&](const WireField& f) {
    if (f.number == 1) return read_text(f, r.store);
    if (f.number == 2) return read_text(f, r.query);
    return true;
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
  append_expiry(out, 3, *entry);
  return out;
}

// BulkStateItem { key = 1; data = 2; etag = 3; error = 4; metadata = 5; }
void append_bulk_item(std::string& response, std::string_view key, const std::optional<Entry>& entry,
                      std::string_view error) {
  std::string item;
  append_bytes(item, 1, key);
  if (entry) {
    append_bytes(item, 2, entry->text());
    append_bytes(item, 3, entry->etag);
    append_expiry(item, 5, *entry);
  }
  append_bytes(item, 4, error);
  append_message(response, 1, item);
}

// QueryStateItem { key = 1; data = 2; etag = 3; error = 4; }
void append_query_item(std::string& response, std::string_view key, const Entry& entry) {
  std::string item;
  append_bytes(item, 1, key);
  append_bytes(item, 2, entry.text());
  append_bytes(item, 3, entry.etag);
  append_message(response, 1, item);
}

// ---- dapr.proto.components.v1 --------------------------------------------------------------------

// InitRequest { metadata = 1; } of MetadataRequest { map<string, string> properties = 1; }
std::optional<std::vector<Property>> parse_component_init(std::string_view message) {
  std::vector<Property> out;
  const auto read_property = [](std::string_view entry, Property& property) {
    return read_entry(entry, property.name, property.value);
  };
  const bool good = each_field(message, [&](const WireField& f) {
    if (f.number != 1) return true;
    return f.is_bytes && each_field(f.bytes, [&](const WireField& p) {
             return p.number != 1 || read_one_of(p, out, read_property);
           });
  });
  return when(good, std::move(out));
}

// GetRequest { key = 1; metadata = 2; consistency = 3; }
std::optional<std::string_view> parse_component_get(std::string_view message) {
  std::string_view key;
  const bool good =
      each_field(message, [&](const WireField& f) { return f.number != 1 || read_text(f, key); });
  return when(good, std::move(key));
}

std::optional<WireItem> parse_component_set(std::string_view message) {
  WireItem item;
  const bool good = read_item(message, item);
  return when(good, std::move(item));
}

std::optional<WireItem> parse_component_delete(std::string_view message) {
  WireItem item;
  const bool good = read_removal(message, item);
  return when(good, std::move(item));
}

// BulkGetRequest { repeated GetRequest items = 1; options = 2; }
std::optional<std::vector<std::string_view>> parse_component_bulk_get(std::string_view message) {
  std::vector<std::string_view> keys;
  const auto read_key = [](std::string_view request, std::string_view& key) {
    const auto read = parse_component_get(request);
    key = read.value_or("");
    return read.has_value();
  };
  const bool good = each_field(
      message, [&](const WireField& f) { return f.number != 1 || read_one_of(f, keys, read_key); });
  return when(good, std::move(keys));
}

// BulkSetRequest { repeated SetRequest items = 1; options = 2; }
std::optional<std::vector<WireItem>> parse_component_bulk_set(std::string_view message) {
  std::vector<WireItem> items;
  const bool good = each_field(
      message, [&](const WireField& f) { return f.number != 1 || read_one_of(f, items, read_item); });
  return when(good, std::move(items));
}

// BulkDeleteRequest { repeated DeleteRequest items = 1; options = 2; }
std::optional<std::vector<WireItem>> parse_component_bulk_delete(std::string_view message) {
  std::vector<WireItem> items;
  const bool good = each_field(
      message, [&](const WireField& f) { return f.number != 1 || read_one_of(f, items, read_removal); });
  return when(good, std::move(items));
}

// TransactionalStateRequest { repeated operations = 1; metadata = 2; } of
// TransactionalStateOperation { oneof request { delete = 1; set = 2; } }
std::optional<std::vector<WireItem>> parse_component_transaction(std::string_view message) {
  std::vector<WireItem> items;
  const auto read_operation = [](std::string_view operation, WireItem& item) {
    bool one = false;
    const bool good = each_field(operation, [&](const WireField& f) {
      if (f.number != 1 && f.number != 2) return true;
      item = {};
      one = true;
      return f.is_bytes && (f.number == 1 ? read_removal(f.bytes, item) : read_item(f.bytes, item));
    });
    return good && one;
  };
  const bool good = each_field(
      message, [&](const WireField& f) { return f.number != 1 || read_one_of(f, items, read_operation); });
  return when(good, std::move(items));
}

// QueryRequest { query = 1; metadata = 2; } of Query { map<string, Any> filter = 1; repeated Sorting sort =
// 2; pagination = 3; }, Sorting { key = 1; order = 2; }, Pagination { limit = 1; token = 2; }. An Any's value
// is the filter's JSON.
std::optional<std::string> parse_component_query(std::string_view message) {
  std::string filter;
  std::string sort;
  std::string page;
  const auto read_filter = [&](std::string_view entry) {
    std::string_view name;
    std::string_view any;
    std::string_view json;
    if (!read_entry(entry, name, any)) return false;
    if (!each_field(any, [&](const WireField& f) { return f.number != 2 || read_text(f, json); }))
      return false;
    if (!is_utf8(name) || !is_utf8(json) || !is_json(json)) return false;
    if (!filter.empty()) filter += ',';
    append_json_string(filter, name);
    filter.append(":").append(json);
    return true;
  };
  const auto read_sorting = [&](std::string_view sorting) {
    std::string_view key;
    bool descending = false;
    const bool good = each_field(sorting, [&](const WireField& f) {
      if (f.number == 1) return read_text(f, key);
      if (f.number == 2) descending = f.number_value == 1;
      return true;
    });
    if (!good || !is_utf8(key)) return false;
    sort += sort.empty() ? "{\"key\":" : ",{\"key\":";
    append_json_string(sort, key);
    sort.append(descending ? R"(,"order":"DESC"})" : "}");
    return true;
  };
  const auto read_pagination = [&](std::string_view pagination) {
    std::uint64_t limit = 0;
    std::string_view token;
    const bool good = each_field(pagination, [&](const WireField& f) {
      if (f.number == 1) limit = f.number_value;
      if (f.number == 2) return read_text(f, token);
      return true;
    });
    if (!good || !is_utf8(token)) return false;
    page = "\"limit\":" + std::to_string(limit) + ",\"token\":";
    append_json_string(page, token);
    return true;
  };
  const bool good = each_field(message, [&](const WireField& f) {
    if (f.number != 1) return true;
    return f.is_bytes && each_field(f.bytes, [&](const WireField& q) {
             switch (q.number) {
               case 1: return q.is_bytes && read_filter(q.bytes);
               case 2: return q.is_bytes && read_sorting(q.bytes);
               case 3: return q.is_bytes && read_pagination(q.bytes);
               default: return true;
             }
           });
  });
  return when(good, "{\"filter\":{" + filter + "},\"sort\":[" + sort + "],\"page\":{" + page + "}}");
}

// GetResponse { data = 1; Etag etag = 2; metadata = 3; content_type = 4; }
std::string component_get_response(const std::optional<Entry>& entry) {
  std::string out;
  if (!entry) return out;
  out.reserve(entry->value.size() + entry->etag.size() + 16);
  append_bytes(out, 1, entry->text());
  append_message(out, 2, etag_message(entry->etag));
  append_expiry(out, 3, *entry);
  return out;
}

// BulkStateItem { key = 1; data = 2; Etag etag = 3; error = 4; metadata = 5; content_type = 6; }
void append_component_bulk_item(std::string& response, std::string_view key,
                                const std::optional<Entry>& entry, std::string_view error) {
  std::string item;
  append_bytes(item, 1, key);
  if (entry) {
    append_bytes(item, 2, entry->text());
    append_message(item, 3, etag_message(entry->etag));
    append_expiry(item, 5, *entry);
  }
  append_bytes(item, 4, error);
  append_message(response, 1, item);
}

// QueryItem { key = 1; data = 2; Etag etag = 3; error = 4; content_type = 5; }
void append_component_query_item(std::string& response, std::string_view key, const Entry& entry) {
  std::string item;
  append_bytes(item, 1, key);
  append_bytes(item, 2, entry.text());
  append_message(item, 3, etag_message(entry.etag));
  append_message(response, 1, item);
}

}  // namespace berth::statestore
