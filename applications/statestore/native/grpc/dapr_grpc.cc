// DaprGrpc on gRPC's generic callback service: no generated code.
#include "applications/statestore/native/grpc/dapr_grpc.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "applications/statestore/native/grpc/dapr_messages.h"

namespace berth::statestore {

namespace {

// Names and framing around the values of the largest message.
constexpr std::uint64_t kMessageSlack = 64 * 1024;

struct NamedStore {
  std::string name;
  KeySpace keys;
  std::shared_ptr<Store> store;
};

using Outcome = std::expected<std::string, grpc::Status>;  // the response message

std::unexpected<grpc::Status> failed(grpc::StatusCode code, std::string message) {
  return std::unexpected(grpc::Status(code, std::move(message)));
}
std::unexpected<grpc::Status> malformed() {
  return failed(grpc::StatusCode::INVALID_ARGUMENT, "the request is no valid message, or has too many items");
}
std::unexpected<grpc::Status> failed(const Refusal& refusal) {
  const bool caller = refusal.status == 400;
  return failed(caller ? grpc::StatusCode::INVALID_ARGUMENT : grpc::StatusCode::UNIMPLEMENTED,
                refusal.message);
}

// Nothing when `answer` is a value. Dapr's codes: a mismatch is ABORTED.
template <class T>
std::optional<grpc::Status> status_of(const Answer<T>& answer, const std::string& doing) {
  if (!answer) {
    const Error& error = answer.error();
    const bool later = error.code() == Code::kBusy || error.code() == Code::kUnavailable;
    return grpc::Status(later ? grpc::StatusCode::UNAVAILABLE : grpc::StatusCode::INTERNAL,
                        doing + ": " + error.message());
  }
  if (*answer) return std::nullopt;
  const StoreError& error = answer->error();
  switch (error.kind) {
    case StoreError::Kind::kEtagMismatch:
      return grpc::Status(grpc::StatusCode::ABORTED, doing + ": possible etag mismatch");
    case StoreError::Kind::kEtagInvalid:
      return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, doing + ": invalid etag value");
    case StoreError::Kind::kFull:
      return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED,
                          doing + ": the state store is full: " + error.message);
    case StoreError::Kind::kInternal: break;
  }
  return grpc::Status(grpc::StatusCode::INTERNAL, doing + ": " + error.message);
}

// A write or delete with the store's key.
struct Prepared {
  std::string key;
  std::string_view value;
  Condition condition;
};

Parsed<Prepared> prepare(const NamedStore& store, const WireItem& item) {
  auto key = store.keys.store_key(item.key);
  if (!key) return std::unexpected(std::move(key).error());
  if (!item.ttl_in_seconds.empty()) {
    if (auto ok = check_ttl(item.ttl_in_seconds); !ok) return std::unexpected(std::move(ok).error());
  }
  const auto kind = condition_kind(item.first_write ? "first-write" : "", !item.etag.empty());
  return Prepared{*std::move(key), item.value, {*kind, item.etag}};
}

Parsed<std::vector<Prepared>> prepare(const NamedStore& store, const std::vector<WireItem>& items) {
  std::vector<Prepared> out;
  for (const WireItem& item : items) {
    auto one = prepare(store, item);
    if (!one) return std::unexpected(std::move(one).error());
    out.push_back(*std::move(one));
  }
  return out;
}

}  // namespace

class DaprGrpc::Impl final : public grpc::CallbackGenericService {
 public:
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override {
    return new Call(*this, context->method());
  }

  [[nodiscard]] const NamedStore* find(std::string_view name) const {
    const auto at =
        std::ranges::find(stores, name, [](const auto& s) -> std::string_view { return s->name; });
    return at == stores.end() ? nullptr : at->get();
  }

  std::uint64_t max_body_bytes = 0;
  std::vector<std::unique_ptr<NamedStore>> stores;
  std::unique_ptr<grpc::Server> server;

 private:
  // One call: reads a message, answers, and frees itself.
  class Call final : public grpc::ServerGenericBidiReactor {
   public:
    Call(const Impl& impl, std::string method) : impl_(impl), method_(std::move(method)) {
      StartRead(&received_);
    }

    void OnReadDone(bool ok) override {
      std::vector<grpc::Slice> slices;
      if (!ok || !received_.Dump(&slices).ok()) {
        Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "the call has no message"));
        return;
      }
      for (const auto& slice : slices)
        message_.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
      received_.Clear();
      detach(impl_.serve(method_, message_), [this](Outcome outcome) {
        if (!outcome) {
          Finish(outcome.error());
          return;
        }
        const grpc::Slice slice(*outcome);
        response_ = grpc::ByteBuffer(&slice, 1);
        StartWriteAndFinish(&response_, grpc::WriteOptions(), grpc::Status::OK);
      });
    }
    void OnDone() override { delete this; }

   private:
    const Impl& impl_;
    const std::string method_;
    grpc::ByteBuffer received_;
    std::string message_;
    grpc::ByteBuffer response_;
  };

  // `message` lives until the task is done.
  Task<Outcome> serve(std::string_view method, std::string_view message) const {
    constexpr std::string_view kService = "/dapr.proto.runtime.v1.Dapr/";
    const auto name = method.starts_with(kService) ? method.substr(kService.size()) : std::string_view();
    if (name == "GetState") return with_store(parse_get_state(message), get);
    if (name == "GetBulkState") return with_store(parse_get_bulk_state(message), get_bulk);
    if (name == "SaveState") return with_store(parse_items(message), save);
    if (name == "DeleteState") return with_store(parse_delete_state(message), remove);
    if (name == "DeleteBulkState") return with_store(parse_items(message), remove_bulk);
    return [](std::string what) -> Task<Outcome> {
      co_return failed(grpc::StatusCode::UNIMPLEMENTED, "only the state calls are served here, not " + what);
    }(std::string(method));
  }

  template <class Request>
  Task<Outcome> with_store(std::optional<Request> request,
                           Task<Outcome> (*then)(const NamedStore&, Request)) const {
    if (!request) co_return malformed();
    if (stores.empty())
      co_return failed(grpc::StatusCode::FAILED_PRECONDITION, "state store is not configured");
    const NamedStore* const store = find(request->store);
    if (store == nullptr) {
      co_return failed(grpc::StatusCode::INVALID_ARGUMENT,
                       "state store " + std::string(request->store) + " is not found");
    }
    co_return co_await then(*store, *std::move(request));
  }

  static Task<Outcome> get(const NamedStore& store, GetStateRequest request) {
    const auto key = store.keys.store_key(request.key);
    if (!key) co_return failed(key.error());
    const auto answer = co_await store.store->get(*key);
    if (auto status = status_of(answer, "fail to get " + *key + " from state store " + store.name)) {
      co_return std::unexpected(*std::move(status));
    }
    co_return get_state_response(**answer);
  }

  static Task<Outcome> get_bulk(const NamedStore& store, GetBulkStateRequest request) {
    std::string response;
    for (const std::string_view key : request.keys) {
      const auto store_key = store.keys.store_key(key);
      if (!store_key) {
        append_bulk_item(response, key, std::nullopt, store_key.error().message);
        continue;
      }
      const auto answer = co_await store.store->get(*store_key);
      const auto status = status_of(answer, "fail to get " + *store_key);
      append_bulk_item(response, key, status ? std::nullopt : **answer,
                       status ? status->error_message() : "");
    }
    co_return response;
  }

  static Task<Outcome> save(const NamedStore& store, ItemsRequest request) {
    const auto items = prepare(store, request.items);
    if (!items) co_return failed(items.error());
    for (const Prepared& item : *items) {
      const auto answer = co_await store.store->set(item.key, item.value, item.condition);
      if (auto status = status_of(answer, "failed saving state in state store " + store.name)) {
        co_return std::unexpected(*std::move(status));
      }
    }
    co_return std::string();
  }

  static Task<Outcome> remove(const NamedStore& store, DeleteStateRequest request) {
    co_return co_await remove_bulk(store, {request.store, {request.item}});
  }

  static Task<Outcome> remove_bulk(const NamedStore& store, ItemsRequest request) {
    const auto items = prepare(store, request.items);
    if (!items) co_return failed(items.error());
    for (const Prepared& item : *items) {
      const auto answer = co_await store.store->remove(item.key, item.condition);
      if (auto status = status_of(answer, "failed deleting state with key " + item.key)) {
        co_return std::unexpected(*std::move(status));
      }
    }
    co_return std::string();
  }
};

DaprGrpc::DaprGrpc() : impl_(std::make_unique<Impl>()) {}

DaprGrpc::~DaprGrpc() { stop(std::chrono::milliseconds(0)); }

Result<void> DaprGrpc::add(std::string name, const std::string& app_id, std::uint64_t max_body_bytes,
                           std::shared_ptr<Store> store) {
  if (impl_->find(name) != nullptr) {
    return fail(Code::kAlreadyExists, "two state stores are called \"" + name + "\" at one address");
  }
  impl_->max_body_bytes = std::max(impl_->max_body_bytes, max_body_bytes);
  impl_->stores.push_back(
      std::make_unique<NamedStore>(NamedStore{std::move(name), KeySpace(app_id), std::move(store)}));
  return {};
}

Result<std::uint16_t> DaprGrpc::listen(const std::string& host, std::uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  const std::string where = (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
  int bound = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(where, grpc::InsecureServerCredentials(), &bound);
  // Otherwise a second program could listen at the same address unnoticed.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(static_cast<int>(
      std::min<std::uint64_t>(impl_->max_body_bytes + kMessageSlack, std::numeric_limits<int>::max())));
  builder.RegisterCallbackGenericService(impl_.get());
  impl_->server = builder.BuildAndStart();
  if (!impl_->server || bound == 0) {
    return fail(Code::kUnavailable,
                "listening on " + where + " for gRPC failed: is the address free, and of this machine?");
  }
  return static_cast<std::uint16_t>(bound);
}

void DaprGrpc::stop(std::chrono::milliseconds drain) {
  if (!impl_->server) return;
  impl_->server->Shutdown(std::chrono::system_clock::now() + drain);
  impl_->server->Wait();
  impl_->server.reset();
}

}  // namespace berth::statestore
