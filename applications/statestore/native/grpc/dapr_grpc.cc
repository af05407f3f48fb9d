// DaprGrpc: which message goes to which call of a store.
#include "applications/statestore/native/grpc/dapr_grpc.h"

#include <algorithm>
#include <vector>

#include "applications/statestore/native/grpc/dapr_messages.h"
#include "applications/statestore/native/grpc/store_calls.h"
#include "applications/statestore/native/grpc/wire.h"
#include "applications/statestore/native/limits.h"
#include "applications/statestore/native/query.h"

namespace berth::statestore {

namespace {

constexpr GrpcApi kRuntimeApi = GrpcApi::kRuntime;
constexpr std::uint32_t kThreads = 2;  // several stores may share an address

struct NamedStore {
  std::string name;
  KeySpace keys;
  std::shared_ptr<Store> store;
};

Parsed<std::vector<RequestItem>> prepare(const NamedStore& store, Time now,
                                         const std::vector<WireItem>& items) {
  std::vector<RequestItem> out;
  out.reserve(items.size());
  for (const WireItem& item : items) {
    auto key = store.keys.store_key(item.key);
    if (!key) return std::unexpected(std::move(key).error());
    auto one = to_request_item(item, *std::move(key), now);
    if (!one) return std::unexpected(std::move(one).error());
    out.push_back(*std::move(one));
  }
  return out;
}

Task<GrpcOutcome> get(const NamedStore& store, GetStateRequest request) {
  const auto key = store.keys.store_key(request.key);
  if (!key) co_return failure(key.error());
  const auto answer = co_await store.store->get(current_time(), *key);
  if (!answer || !*answer) {
    co_return failure(kRuntimeApi, answer,
                      "fail to get " + std::string(request.key) + " from state store " + store.name);
  }
  co_return get_state_response(**answer);
}

Task<GrpcOutcome> get_bulk(const NamedStore& store, GetBulkStateRequest request) {
  std::vector<std::string> keys;
  keys.reserve(request.keys.size());
  for (const std::string_view key : request.keys) {
    auto store_key = store.keys.store_key(key);
    if (!store_key) co_return failure(store_key.error());
    keys.push_back(*std::move(store_key));
  }
  const std::vector<std::string_view> asked(keys.begin(), keys.end());
  const auto answer = co_await store.store->get_many(current_time(), asked);
  if (!answer || !*answer)
    co_return failure(kRuntimeApi, answer, "fail to get from state store " + store.name);
  std::string response;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto& one = (**answer)[i];
    append_bulk_item(
        response, request.keys[i], one ? *one : std::nullopt,
        one ? "" : to_status(kRuntimeApi, one.error(), "fail to get " + keys[i]).error_message());
  }
  co_return response;
}

Task<GrpcOutcome> save(const NamedStore& store, ItemsRequest request) {
  const Time now = current_time();
  const auto items = prepare(store, now, request.items);
  if (!items) co_return failure(items.error());
  co_return co_await save_items(kRuntimeApi, *store.store, now, *items,
                                "failed saving state in state store " + store.name);
}

Task<GrpcOutcome> remove_bulk(const NamedStore& store, ItemsRequest request) {
  const Time now = current_time();
  const auto items = prepare(store, now, request.items);
  if (!items) co_return failure(items.error());
  co_return co_await remove_items(kRuntimeApi, *store.store, now, *items,
                                  "failed deleting state in state store " + store.name);
}

Task<GrpcOutcome> remove(const NamedStore& store, DeleteStateRequest request) {
  return remove_bulk(store, {request.store, {request.item}});
}

Task<GrpcOutcome> transact(const NamedStore& store, TransactionRequest request) {
  if (request.unknown_operation) {
    co_return failed(grpc::StatusCode::UNIMPLEMENTED,
                     "operation type " + std::string(*request.unknown_operation) + " not supported");
  }
  const Time now = current_time();
  const auto items = prepare(store, now, request.items);
  if (!items) co_return failure(items.error());
  co_return co_await transact_items(kRuntimeApi, *store.store, now, *items);
}

// QueryStateResponse { repeated results = 1; token = 2; }
Task<GrpcOutcome> query(const NamedStore& store, QueryStateRequest request) {
  const auto result = co_await run_query(*store.store, current_time(), store.keys.prefix(), request.query);
  if (!result) co_return failure(result.error());
  std::string response;
  for (const Page::Item& item : result->items)
    append_query_item(response, store.keys.caller_key(item.key), item.entry);
  append_bytes(response, 2, result->token);
  co_return response;
}

Task<GrpcOutcome> unknown(std::string method) {
  co_return failed(grpc::StatusCode::UNIMPLEMENTED, "only the state calls are served here, not " + method);
}

}  // namespace

class DaprGrpc::Calls final : public GrpcCalls {
 public:
  Task<GrpcOutcome> serve(std::string_view method, std::string_view message) override {
    constexpr std::string_view kService = "/dapr.proto.runtime.v1.Dapr/";
    const auto name = method.starts_with(kService) ? method.substr(kService.size()) : std::string_view();
    if (name == "GetState") return with_store(parse_get_state(message), get);
    if (name == "GetBulkState") return with_store(parse_get_bulk_state(message), get_bulk);
    if (name == "SaveState") return with_store(parse_items(message), save);
    if (name == "DeleteState") return with_store(parse_delete_state(message), remove);
    if (name == "DeleteBulkState") return with_store(parse_items(message), remove_bulk);
    if (name == "ExecuteStateTransaction") return with_store(parse_transaction_request(message), transact);
    if (name == "QueryStateAlpha1") return with_store(parse_query_state(message), query);
    return unknown(std::string(method));
  }

  [[nodiscard]] const NamedStore* find(std::string_view name) const {
    const auto at =
        std::ranges::find(stores, name, [](const auto& s) -> std::string_view { return s->name; });
    return at == stores.end() ? nullptr : at->get();
  }

  std::uint64_t max_body_bytes = 0;
  std::vector<std::unique_ptr<NamedStore>> stores;
  GrpcServer server{*this, kThreads};  // last: it calls the rest

 private:
  template <class Request>
  Task<GrpcOutcome> with_store(std::optional<Request> request,
                               Task<GrpcOutcome> (*then)(const NamedStore&, Request)) const {
    if (!request) co_return malformed_message();
    if (stores.empty())
      co_return failed(grpc::StatusCode::FAILED_PRECONDITION, "state store is not configured");
    const NamedStore* const store = find(request->store);
    if (store == nullptr) {
      co_return failed(grpc::StatusCode::INVALID_ARGUMENT,
                       "state store " + std::string(request->store) + " is not found");
    }
    co_return co_await then(*store, *std::move(request));
  }
};

DaprGrpc::DaprGrpc() : calls_(std::make_unique<Calls>()) {}

DaprGrpc::~DaprGrpc() = default;

Result<void> DaprGrpc::add(std::string name, const std::string& app_id, std::uint64_t max_body_bytes,
                           std::shared_ptr<Store> store) {
  if (calls_->find(name) != nullptr) {
    return fail(Code::kAlreadyExists, "two state stores are called \"" + name + "\" at one address");
  }
  calls_->max_body_bytes = std::max(calls_->max_body_bytes, max_body_bytes);
  calls_->stores.push_back(
      std::make_unique<NamedStore>(NamedStore{std::move(name), KeySpace(app_id), std::move(store)}));
  return {};
}

Result<std::uint16_t> DaprGrpc::listen(const std::string& host, std::uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  const std::string where = (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
  return calls_->server.listen(where, calls_->max_body_bytes + kMessageSlack);
}

void DaprGrpc::stop(std::chrono::milliseconds drain) { calls_->server.stop(drain); }

}  // namespace berth::statestore
