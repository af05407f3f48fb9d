// DaprHttp: routes, statuses and bodies.
#include "applications/statestore/native/dapr_http.h"

#include <algorithm>

#include "applications/statestore/native/json_reader.h"

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
  if (path == "/v1.0/metadata") {
    return reply.send(net::HttpResponseView{.content_type = kJson, .body = metadata()});
  }
  if (path.starts_with(kAlphaState) && path.ends_with("/query")) {
    const auto name = path.substr(kAlphaState.size(), path.size() - kAlphaState.size() - 6);
    const auto store = find(name);
    return send_refusal(reply,
                        store ? Refusal{500, "ERR_STATE_STORE_NOT_SUPPORTED",
                                        "state store " + std::string(name) + " does not support querying"}
                              : store.error());
  }
  send_refusal(reply,
               {404, "ERR_NOT_FOUND", "no such path; this server has Dapr's state API below /v1.0/state/"});
}

std::string DaprHttp::metadata() const {
  std::string out = R"({"id":"berth","components":[)";
  for (const auto& store : stores_) {
    if (store != stores_.front()) out += ',';
    out += "{\"name\":";
    append_json_string(out, store->name);
    out += R"(,"type":"state.berth","version":"v1","capabilities":["ETAG"]})";
  }
  return out + "]}";
}

void DaprHttp::handle_state(const HttpRequest& request, std::string_view rest, HttpReply reply) {
  const auto slash = rest.find('/');
  const auto store = find(rest.substr(0, slash));
  if (!store) return send_refusal(reply, store.error());
  const bool write = request.method() == HttpMethod::kPost || request.method() == HttpMethod::kPut;
  const std::string_view key = slash == std::string_view::npos ? "" : rest.substr(slash + 1);

  if (!write) return handle_key(request, **store, key, std::move(reply));
  if (key.empty()) {
    if (const auto ttl = query_parameter(request.query(), "metadata.ttlInSeconds")) {
      if (const auto ok = check_ttl(*ttl); !ok) return send_refusal(reply, ok.error());
    }
    auto items = parse_save(request.body(), (*store)->keys);
    if (!items) return send_refusal(reply, items.error());
    return start(save(**store, *std::move(items), std::move(reply)));
  }
  if (key == "bulk") {
    auto keys = parse_bulk_get(request.body());
    if (!keys) return send_refusal(reply, keys.error());
    return start(bulk_get(**store, *std::move(keys), std::move(reply)));
  }
  if (key == "transaction") {
    return send_refusal(reply, {500, "ERR_STATE_STORE_NOT_SUPPORTED",
                                "state store " + (*store)->name + " doesn't support transactions"});
  }
  send_refusal(reply, {405, "ERR_METHOD_NOT_ALLOWED", "save with POST /v1.0/state/" + (*store)->name});
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
      return start(remove(store, *std::move(store_key), std::string(etag), *kind, std::move(reply)));
    }
    default: send_refusal(reply, {405, "ERR_METHOD_NOT_ALLOWED", "a key takes GET and DELETE"});
  }
}

Task<> DaprHttp::get(const NamedStore& store, std::string key, HttpReply reply) {
  const auto answer = co_await store.store->get(key);
  if (const auto refusal = refusal_of(answer, "ERR_STATE_GET", getting(key, store.name))) {
    send_refusal(reply, *refusal);
    co_return;
  }
  const std::optional<Entry>& entry = **answer;
  if (!entry) {
    send_no_content(reply);
    co_return;
  }
  const net::HttpHeader etag{"ETag", entry->etag};
  reply.send(net::HttpResponseView{.content_type = kJson, .headers = {&etag, 1}, .body = entry->text()});
}

Task<> DaprHttp::remove(const NamedStore& store, std::string key, std::string etag, Condition::Kind kind,
                        HttpReply reply) {
  const auto answer = co_await store.store->remove(key, {kind, etag});
  if (const auto refusal = refusal_of(answer, "ERR_STATE_DELETE", "failed deleting state with key " + key)) {
    send_refusal(reply, *refusal);
    co_return;
  }
  send_no_content(reply);
}

Task<> DaprHttp::save(const NamedStore& store, std::vector<SaveItem> items, HttpReply reply) {
  for (const SaveItem& item : items) {
    const auto answer = co_await store.store->set(item.key, item.value, item.condition());
    if (const auto refusal =
            refusal_of(answer, "ERR_STATE_SAVE",
                       "failed saving state in state store " + store.name + " with key " + item.key)) {
      send_refusal(reply, *refusal);
      co_return;
    }
  }
  send_no_content(reply);
}

Task<> DaprHttp::bulk_get(const NamedStore& store, std::vector<std::string> keys, HttpReply reply) {
  std::string body = "[";
  for (const std::string& key : keys) {
    if (body.size() > 1) body += ',';
    body += "{\"key\":";
    append_json_string(body, key);
    const auto add = [&](std::string_view name, std::string_view text) {
      body.append(",\"").append(name).append("\":");
      append_json_string(body, text);
    };
    const auto store_key = store.keys.store_key(key);
    if (!store_key) {
      add("error", store_key.error().message);
    } else {
      const auto answer = co_await store.store->get(*store_key);
      if (const auto refusal = refusal_of(answer, "ERR_STATE_GET", getting(*store_key, store.name))) {
        add("error", refusal->message);
      } else if (const std::optional<Entry>& entry = **answer) {
        if (is_json(entry->text())) {
          body.append(",\"data\":").append(entry->text());
        } else {
          add("error", "the value is not JSON");
        }
        add("etag", entry->etag);
      }
    }
    body += '}';
  }
  body += ']';
  reply.send(net::HttpResponseView{.content_type = kJson, .body = body});
}

}  // namespace berth::statestore
