// DaprHttp: Dapr's HTTP state API in front of stores.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "applications/statestore/native/state_request.h"
#include "applications/statestore/native/store.h"
#include "base/task.h"
#include "net/http_server.h"

namespace berth::statestore {

// Serves
//   POST, PUT    /v1.0/state/{store}          save
//   GET, DELETE  /v1.0/state/{store}/{key}
//   POST, PUT    /v1.0/state/{store}/bulk     get many
//   GET          /v1.0/healthz, /v1.0/healthz/outbound, /v1.0/metadata: what SDKs ask before they begin
// with Dapr's statuses and error bodies. Transactions and queries answer as stores without them do.
// Saves and bulk gets do their items one after the other, in order, and are not atomic as a whole.
//
// Immutable once it serves; then Thread-safe.
class DaprHttp final : public net::HttpHandler {
 public:
  // Serves `store` as /v1.0/state/{name}. `app_id` prefixes its keys; empty: no prefix.
  // Fails with kAlreadyExists.
  [[nodiscard]] Result<void> add(std::string name, const std::string& app_id, std::shared_ptr<Store> store);

  void handle(const net::HttpRequest& request, net::HttpReply reply) override;

 private:
  struct NamedStore {
    std::string name;
    KeySpace keys;
    std::shared_ptr<Store> store;
  };
  void handle_state(const net::HttpRequest& request, std::string_view rest, net::HttpReply reply);
  void handle_key(const net::HttpRequest& request, const NamedStore& store, std::string_view key,
                  net::HttpReply reply);
  [[nodiscard]] std::string metadata() const;
  [[nodiscard]] Parsed<const NamedStore*> find(std::string_view name) const;

  static Task<> get(const NamedStore& store, std::string key, net::HttpReply reply);
  static Task<> remove(const NamedStore& store, std::string key, std::string etag, Condition::Kind kind,
                       net::HttpReply reply);
  static Task<> save(const NamedStore& store, std::vector<SaveItem> items, net::HttpReply reply);
  static Task<> bulk_get(const NamedStore& store, std::vector<std::string> keys, net::HttpReply reply);

  std::vector<std::unique_ptr<NamedStore>> stores_;
};

}  // namespace berth::statestore
