// GrpcServer: calls by name, on gRPC's generic asynchronous service: no generated code.
#pragma once

#include <grpcpp/support/status.h>

#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/task.h"

namespace berth::statestore {

using GrpcOutcome = std::expected<std::string, grpc::Status>;  // the response message

[[nodiscard]] inline std::unexpected<grpc::Status> failed(grpc::StatusCode code, std::string message) {
  return std::unexpected(grpc::Status(code, std::move(message)));
}

// What a server serves.
// Thread-safe.
class GrpcCalls {
 public:
  virtual ~GrpcCalls() = default;
  // Answers one message of a call of `method`, "/package.Service/Method". Both live until the task is done.
  virtual Task<GrpcOutcome> serve(std::string_view method, std::string_view message) = 0;
  // Whether callers of `method` may send several messages on one call, each of which is answered.
  [[nodiscard]] virtual bool streams(std::string_view) const { return false; }
};

// No TLS. Calls begin on threads of the server's own. listen() once.
// One thread at a time; stop() not on a thread of a call.
class GrpcServer final {
 public:
  // `calls` must outlive it. More threads than calls can run at once cost more than they give: they wait for
  // each other in gRPC's poller.
  GrpcServer(GrpcCalls& calls, std::uint32_t threads);
  // stop(0).
  ~GrpcServer();
  GrpcServer(const GrpcServer&) = delete;
  GrpcServer& operator=(const GrpcServer&) = delete;

  // Serves at "127.0.0.1:50001" (port 0: the system chooses) or "unix:/path"; returns the port, 1 for a path.
  // A message may have `max_message` bytes. kUnavailable: the address cannot be listened on.
  [[nodiscard]] Result<std::uint16_t> listen(const std::string& address, std::uint64_t max_message);
  // Lets calls finish for up to `drain`, cancels the rest, and waits until all are over. Blocks.
  void stop(std::chrono::milliseconds drain);

 private:
  class Service;
  std::unique_ptr<Service> service_;
};

}  // namespace berth::statestore
