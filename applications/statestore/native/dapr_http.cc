// DaprHttp: routes, statuses and bodies.
#include "applications/statestore/native/dapr_http.h"

#include <algorithm>

#include "applications/statestore/native/json_reader.h"
#include "applications/statestore/native/query.h"

namespace berth::statestore {

using net::HttpMethod;
using net::HttpReply;
using net::HttpRequest;

namespace {

constexpr std::string_view kJson = "application/json";

void send_refusal(HttpReply& reply, const Refusal& refusal) {
  std::string body = "{\"errorCode\":";
  append_json_string(body, refusal.code);
  body += ",\"message\":";
  append_json_string(body, refusal.message);
  body += '}';
  reply.send(net::HttpResponseView{.status = refusal.status, .content_type = kJson, .body = body});
}

void send_no_content(HttpReply& reply) { reply.send(net::HttpResponseView{.status = 204}); }

// What the store or the host answered instead of a value, as Dapr says it.
Refusal to_refusal(const Error& error, std::string_view code, const std::string& doing) {
  const bool later = error.code() == Code::kBusy || error.code() == Code::kUnavailable;
  return {later ? 503 : 500, code, doing + ": " + error.message()};
}

Refusal to_refusal(const StoreError& error, std::string_view code, const std::string& doing) {
  switch (error.kind) {
    case StoreError::Kind::kEtagMismatch:
      return {409, code,
              doing + ": possible etag mismatch. error from state store: the etag is not that of the entry"};
    case StoreError::Kind::kEtagInvalid:
      return {
          400, code,
          doing + ": invalid etag value. error from state store: the text was never an etag of this store"};
    case StoreError::Kind::kFull: return {500, code, doing + ": the state store is full: " + error.message};
    case StoreError::Kind::kUnsupported: return {500, "ERR_STATE_STORE_NOT_SUPPORTED", error.message};
    case StoreError::Kind::kScattered: return {400, code, doing + ": " + error.message};
    case StoreError::Kind::kInternal: break;
  }
  return {500, code, doing + ": " + error.message};
}

// Nothing when `answer` is a value.
template <class T>
std::optional<Refusal> refusal_of(const Answer<T>& answer, std::string_view code, const std::string& doing) {
  if (!answer) return to_refusal(answer.error(), code, doing);
  if (!*answer) return to_refusal(answer->error(), code, doing);
  return std::nullopt;
}

std::string getting(std::string_view key, std::string_view store) {
  return "fail to get " + std::string(key) + " from state store " + std::string(store);
}
std::string saving(std::string_view key, std::string_view store) {
  return "failed saving state in state store " + std::string(store) + " with key " + std::string(key);
}
std::string deleting(std::string_view key) { return "failed deleting state with key " + std::string(key); }

// ,"name":"text"
void add_member(std::string& body, std::string_view name, std::string_view text) {
  body.append(",\"").append(name).append("\":");
  append_json_string(body, text);
}

// What a list of entries says of one: its value, as JSON.
void add_data(std::string& body, const Entry& entry) {
  if (is_utf8(entry.text()) && is_json(entry.text())) {
    body.append(",\"data\":").append(entry.text());
  } else {
    add_member(body, "error", "the value is not JSON");
  }
  add_member(body, "etag", entry.etag);
}

// HTTP's quoted form of an ETag means the same as Dapr's bare one.
std::string_view unquoted(std::string_view etag) {
  const bool quoted = etag.size() >= 2 && etag.front() == '"' && etag.back() == '"';
  return quoted ? etag.substr(1, etag.size() - 2) : etag;
}

void start(Task<> task) {
  detach(std::move(task), [] {});
}

}  // namespace

Result<void> DaprHttp::add(std::string name, const std::string& app_id, std::shared_ptr<Store> store) {
  if (find(name))
    return fail(Code::kAlreadyExists, "two state stores are called \"" + name + "\" at one address");
  stores_.push_back(
      std::make_unique<NamedStore>(NamedStore{std::move(name), KeySpace(app_id), std::move(store)}));
  return {};
}

Parsed<const DaprHttp::NamedStore*> DaprHttp::find(std::string_view name) const {
  for (const auto& store : stores_) {
    if (store->name == name) return store.get();
  }
  if (stores_.empty()) {
    return std::unexpected(Refusal{500, "ERR_STATE_STORE_NOT_CONFIGURED", "state store is not configured"});
  }
  return std::unexpected(
      Refusal{400, "ERR_STATE_STORE_NOT_FOUND", "state store " + std::string(name) + " is not found"});
}

void DaprHttp::handle(const HttpRequest& request, HttpReply reply) {
  constexpr std::string_view kState = "/v1.0/state/";
  constexpr std::string_view kAlphaState = "/v1.0-alpha1/state/";
  const std::string_view path = request.path();
  if (path.starts_with(kState)) return handle_state(request, path.substr(kState.size()), std::move(reply));
  if (path == "/v1.0/healthz" || path == "/v1.0/healthz/outbound") return send_no_content(reply);
  if (path == "/v1.0/metadata") return start(metadata(std::move(reply)));
  if (path.starts_with(kAlphaState) && path.ends_with("/query")) {
    const auto store = find(path.substr(kAlphaState.size(), path.size() - kAlphaState.size() - 6));
    if (!store) return send_refusal(reply, store.error());
    return start(query(**store, std::string(request.body()), std::move(reply)));
  }
  send_refusal(reply,
               {404, "ERR_NOT_FOUND", "no such path; this server has Dapr's state API below /v1.0/state/"});
}

Task<> DaprHttp::metadata(HttpReply reply) const {
  std::string out = R"({"id":"berth","components":[)";
  for (const auto& store : stores_) {
    if (store != stores_.front()) out += ',';
    out += "{\"name\":";
    append_json_string(out, store->name);
    out += R"(,"type":"state.berth","version":"v1","capabilities":["ETAG")";
    const auto features = co_await store->store->features();
    if (features && *features) {
      if ((*features)->transactions) out += R"(,"TRANSACTIONAL")";
      if ((*features)->expiry) out += R"(,"TTL")";
      if ((*features)->prefixes) out += R"(,"DELETE_WITH_PREFIX")";
      if ((*features)->scanning) out += R"(,"QUERY_API")";
    }
    out += "]}";
  }
  out += "]}";
  reply.send(net::HttpResponseView{.content_type = kJson, .body = out});
}

void DaprHttp::handle_state(const HttpRequest& request, std::string_view rest, HttpReply reply) {
  const auto slash = rest.find('/');
  const auto store = find(rest.substr(0, slash));
  if (!store) return send_refusal(reply, store.error());
  const bool write = request.method() == HttpMethod::kPost || request.method() == HttpMethod::kPut;
  const std::string_view key = slash == std::string_view::npos ? "" : rest.substr(slash + 1);

  if (!write) return handle_key(request, **store, key, std::move(reply));
  if (key == "bulk") {
    auto keys = parse_bulk_get(request.body());
    if (!keys) return send_refusal(reply, keys.error());
    return start(bulk_get(**store, *std::move(keys), std::move(reply)));
  }
  if (!key.empty() && key != "transaction") {
    return send_refusal(reply,
                        {405, "ERR_METHOD_NOT_ALLOWED", "save with POST /v1.0/state/" + (*store)->name});
  }
  const Time now = clock_();
  const ItemRules rules{(*store)->keys, now, query_parameter(request.query(), "metadata.ttlInSeconds")};
  auto items = key.empty() ? parse_save(request.body(), rules) : parse_transaction(request.body(), rules);
  if (!items) return send_refusal(reply, items.error());
  start(key.empty() ? save(**store, now, *std::move(items), std::move(reply))
                    : transact(**store, now, *std::move(items), std::move(reply)));
}

void DaprHttp::handle_key(const HttpRequest& request, const NamedStore& store, std::string_view key,
                          HttpReply reply) {
  std::optional<std::string> decoded;
  if (key.find('%') != std::string_view::npos) {
    decoded = net::percent_decode(key);
    if (!decoded)
      return send_refusal(reply, {400, "ERR_MALFORMED_REQUEST", "the key has a % without two digits"});
  } else if (key.find('/') != std::string_view::npos) {
    return send_refusal(reply, {404, "ERR_NOT_FOUND", "write a / in a key as %2F"});
  }
  auto store_key = store.keys.store_key(decoded ? std::string_view(*decoded) : key);
  if (!store_key) return send_refusal(reply, store_key.error());
  switch (request.method()) {
    case HttpMethod::kGet:
    case HttpMethod::kHead: return start(get(store, *std::move(store_key), std::move(reply)));
    case HttpMethod::kDelete: {
      const std::string_view etag = unquoted(request.header("If-Match").value_or(""));
      const auto kind =
          condition_kind(query_parameter(request.query(), "concurrency").value_or(""), !etag.empty());
      if (!kind) return send_refusal(reply, kind.error());
      RequestItem item{
          .removal = true, .key = *std::move(store_key), .etag = std::string(etag), .kind = *kind};
      return start(remove(store, std::move(item), std::move(reply)));
    }
    default: send_refusal(reply, {405, "ERR_METHOD_NOT_ALLOWED", "a key takes GET and DELETE"});
  }
}

Task<> DaprHttp::get(const NamedStore& store, std::string key, HttpReply reply) const {
  const auto answer = co_await store.store->get(clock_(), key);
  if (const auto refusal = refusal_of(answer, "ERR_STATE_GET", getting(key, store.name))) {
    send_refusal(reply, *refusal);
    co_return;
  }
  const std::optional<Entry>& entry = **answer;
  if (!entry) {
    send_no_content(reply);
    co_return;
  }
  const std::string expires = entry->expires ? to_rfc3339(*entry->expires) : "";
  const net::HttpHeader headers[] = {{"ETag", entry->etag}, {"metadata.ttlExpireTime", expires}};
  reply.send(net::HttpResponseView{
      .content_type = kJson, .headers = {headers, expires.empty() ? 1U : 2U}, .body = entry->text()});
}

Task<> DaprHttp::remove(const NamedStore& store, RequestItem item, HttpReply reply) const {
  const auto answer = co_await store.store->remove(clock_(), item.to_removal());
  if (const auto refusal = refusal_of(answer, "ERR_STATE_DELETE", deleting(item.key))) {
    send_refusal(reply, *refusal);
    co_return;
  }
  send_no_content(reply);
}

Task<> DaprHttp::save(const NamedStore& store, Time now, std::vector<RequestItem> items,
                      HttpReply reply) const {
  std::optional<Refusal> refusal;  // the first one
  if (items.size() == 1) {
    const auto answer = co_await store.store->set(now, items.front().to_write());
    if (answer && *answer) {  // the way of almost every save: no text is made for nothing
      send_no_content(reply);
      co_return;
    }
    refusal = refusal_of(answer, "ERR_STATE_SAVE", saving(items.front().key, store.name));
  } else if (!items.empty()) {
    std::vector<Write> writes;
    writes.reserve(items.size());
    for (const RequestItem& item : items) writes.push_back(item.to_write());
    const auto answer = co_await store.store->set_many(now, writes);
    refusal = refusal_of(answer, "ERR_STATE_SAVE", "failed saving state in state store " + store.name);
    for (std::size_t i = 0; !refusal && i < items.size(); ++i) {
      const auto& one = (**answer)[i];
      if (!one) refusal = to_refusal(one.error(), "ERR_STATE_SAVE", saving(items[i].key, store.name));
    }
  }
  if (refusal)
    send_refusal(reply, *refusal);
  else
    send_no_content(reply);
}

Task<> DaprHttp::bulk_get(const NamedStore& store, std::vector<std::string> keys, HttpReply reply) const {
  std::vector<std::string> store_keys;
  std::vector<std::string_view> asked;
  store_keys.reserve(keys.size());
  for (const std::string& key : keys) {
    auto store_key = store.keys.store_key(key);
    if (!store_key) {
      send_refusal(reply, store_key.error());
      co_return;
    }
    asked.push_back(store_keys.emplace_back(*std::move(store_key)));
  }
  const auto answer = co_await store.store->get_many(clock_(), asked);
  if (const auto refusal =
          refusal_of(answer, "ERR_STATE_BULK_GET", "fail to get from state store " + store.name)) {
    send_refusal(reply, *refusal);
    co_return;
  }
  std::string body = "[";
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (i > 0) body += ',';
    body += "{\"key\":";
    append_json_string(body, keys[i]);
    const auto& one = (**answer)[i];
    if (!one) {
      add_member(body, "error", to_refusal(one.error(), "", getting(keys[i], store.name)).message);
    } else if (const std::optional<Entry>& entry = *one) {
      add_data(body, *entry);
      if (entry->expires) {
        body += ",\"metadata\":{\"ttlExpireTime\":";
        append_json_string(body, to_rfc3339(*entry->expires));
        body += '}';
      }
    }
    body += '}';
  }
  body += ']';
  reply.send(net::HttpResponseView{.content_type = kJson, .body = body});
}

Task<> DaprHttp::transact(const NamedStore& store, Time now, std::vector<RequestItem> items,
                          HttpReply reply) const {
  const std::vector<Operation> operations = to_operations(items);
  const auto answer = co_await store.store->transact(now, operations);
  if (answer && *answer) {
    send_no_content(reply);
    co_return;
  }
  constexpr std::string_view kCode = "ERR_STATE_TRANSACTION";
  if (!answer) {
    send_refusal(reply, to_refusal(answer.error(), kCode, std::string(kTransactionFailed)));
    co_return;
  }
  Refusal refusal = to_refusal(answer->error().error, kCode, transaction_failed(answer->error(), items));
  if (stopped_by_condition(answer->error())) refusal.status = 500;
  send_refusal(reply, refusal);
}

Task<> DaprHttp::query(const NamedStore& store, std::string text, HttpReply reply) const {
  const auto result = co_await run_query(*store.store, clock_(), store.keys.prefix(), text);
  if (!result) {
    send_refusal(reply, result.error());
    co_return;
  }
  if (result->items.empty()) {
    send_no_content(reply);
    co_return;
  }
  std::string body = "{\"results\":[";
  for (const Page::Item& item : result->items) {
    if (&item != result->items.data()) body += ',';
    body += "{\"key\":";
    append_json_string(body, store.keys.caller_key(item.key));
    add_data(body, item.entry);
    body += '}';
  }
  body += ']';
  if (!result->token.empty()) add_member(body, "token", result->token);
  body += '}';
  reply.send(net::HttpResponseView{.content_type = kJson, .body = body});
}

}  // namespace berth::statestore
