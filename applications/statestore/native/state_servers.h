// StateServers: the HTTP servers of all state triggers of one program.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "applications/statestore/native/dapr_http.h"
#include "applications/statestore/native/state_trigger.h"
#include "applications/statestore/native/store.h"
#include "net/http_server.h"
#include "net/io_context.h"

namespace berth::statestore {

// One server for each address. add() all stores, then start(). Destruction stops at once.
// One thread at a time.
class StateServers final {
 public:
  // `io` must outlive this.
  explicit StateServers(net::IoContext& io) : io_(io) {}

  // Does nothing for a trigger without HTTP. Fails with kAlreadyExists when the address serves a store of
  // that name.
  [[nodiscard]] Result<void> add(const StateTrigger& trigger, std::shared_ptr<Store> store);
  // Listens. Fails as net::HttpServer::listen.
  [[nodiscard]] Result<void> start();
  // "http://127.0.0.1:3500/v1.0/state/statestore" for each store, after start().
  [[nodiscard]] std::vector<std::string> addresses() const;
  // Answers what is in progress for up to `drain`, and ends. Blocks; not on a thread of the IoContext.
  void stop(std::chrono::milliseconds drain);

 private:
  struct Listener {
    manifest::Endpoint endpoint;
    net::HttpServerOptions options;
    std::vector<std::string> stores;
    DaprHttp api;
    std::unique_ptr<net::HttpServer> server;  // last: it calls api
  };
  net::IoContext& io_;
  std::vector<std::unique_ptr<Listener>> listeners_;
};

}  // namespace berth::statestore
