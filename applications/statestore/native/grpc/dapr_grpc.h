// DaprGrpc: the state calls of Dapr's gRPC API, for SDKs that speak nothing else (Python's, for one).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "applications/statestore/native/store.h"
#include "base/error.h"

namespace berth::statestore {

// Serves GetState, GetBulkState, SaveState, DeleteState, DeleteBulkState, ExecuteStateTransaction and
// QueryStateAlpha1 of dapr.proto.runtime.v1.Dapr with Dapr's status codes; every other method is
// UNIMPLEMENTED. No TLS. Calls begin on two threads of its own.
//
// add() all stores, then listen(). One thread at a time; stop() not on a thread of a store.
class DaprGrpc final {
 public:
  DaprGrpc();
  // stop(0).
  ~DaprGrpc();
  DaprGrpc(const DaprGrpc&) = delete;
  DaprGrpc& operator=(const DaprGrpc&) = delete;

  // As DaprHttp::add. The largest `max_body_bytes` of all stores bounds every message.
  [[nodiscard]] Result<void> add(std::string name, const std::string& app_id, std::uint64_t max_body_bytes,
                                 std::shared_ptr<Store> store);
  // Serves at a numeric address; port 0 lets the system choose. Returns the port.
  // kUnavailable: the address cannot be listened on.
  [[nodiscard]] Result<std::uint16_t> listen(const std::string& host, std::uint16_t port);
  // Lets calls finish for up to `drain`, cancels the rest, and waits until all are over. Blocks.
  void stop(std::chrono::milliseconds drain);

 private:
  class Calls;
  std::unique_ptr<Calls> calls_;
};

}  // namespace berth::statestore
