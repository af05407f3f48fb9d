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
//   POST, PUT    /v1.0/state/{store}              save
//   GET, DELETE  /v1.0/state/{store}/{key}
//   POST, PUT    /v1.0/state/{store}/bulk         get many
//   POST, PUT    /v1.0/state/{store}/transaction  write and delete as one
//   POST, PUT    /v1.0-alpha1/state/{store}/query
//   GET          /v1.0/healthz, /v1.0/healthz/outbound, /v1.0/metadata: what SDKs ask before they begin
// with Dapr's statuses and error bodies. Saves and bulk gets are not atomic as a whole: each item is.
//
// Immutable once it serves; then Thread-safe.
class DaprHttp final : public net::HttpHandler {
 public:
  // `clock` says what time it is, for expiry.
  explicit DaprHttp(Time (*clock)() = current_time) : clock_(clock) {}

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
  [[nodiscard]] Parsed<const NamedStore*> find(std::string_view name) const;

  Task<> metadata(net::HttpReply reply) const;
  Task<> get(const NamedStore& store, std::string key, net::HttpReply reply) const;
  Task<> remove(const NamedStore& store, RequestItem item, net::HttpReply reply) const;
  Task<> save(const NamedStore& store, Time now, std::vector<RequestItem> items, net::HttpReply reply) const;
  Task<> bulk_get(const NamedStore& store, std::vector<std::string> keys, net::HttpReply reply) const;
  Task<> transact(const NamedStore& store, Time now, std::vector<RequestItem> items,
                  net::HttpReply reply) const;
  Task<> query(const NamedStore& store, std::string text, net::HttpReply reply) const;

  Time (*const clock_)();
  std::vector<std::unique_ptr<NamedStore>> stores_;
};

}  // namespace berth::statestore
