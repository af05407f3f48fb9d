// GrpcServer: messages in, messages out.
#include "applications/statestore/native/grpc/grpc_server.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <limits>
#include <vector>

namespace berth::statestore {

class GrpcServer::Service final : public grpc::CallbackGenericService {
 public:
  explicit Service(GrpcCalls& calls) : calls_(calls) {}

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override {
    return new Call(calls_, context->method());
  }

  std::unique_ptr<grpc::Server> server;

 private:
  // One call: reads a message, answers, and frees itself in the end.
  class Call final : public grpc::ServerGenericBidiReactor {
   public:
    Call(GrpcCalls& calls, std::string method)
        : calls_(calls), method_(std::move(method)), streams_(calls.streams(method_)) {
      StartRead(&received_);
    }

    void OnReadDone(bool ok) override {
      if (!ok && streams_) return Finish(grpc::Status::OK);
      std::vector<grpc::Slice> slices;
      if (!ok || !received_.Dump(&slices).ok()) {
        return Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "the call has no message"));
      }
      message_.clear();
      for (const auto& slice : slices)
        message_.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
      received_.Clear();
      detach(calls_.serve(method_, message_), [this](GrpcOutcome outcome) {
        if (!outcome) return Finish(outcome.error());
        const grpc::Slice slice(*outcome);
        response_ = grpc::ByteBuffer(&slice, 1);
        if (streams_)
          StartWrite(&response_);
        else
          StartWriteAndFinish(&response_, grpc::WriteOptions(), grpc::Status::OK);
      });
    }
    void OnWriteDone(bool ok) override {
      if (!streams_) return;
      if (ok)
        StartRead(&received_);
      else
        Finish(grpc::Status::CANCELLED);
    }
    void OnDone() override { delete this; }

   private:
    GrpcCalls& calls_;
    const std::string method_;
    const bool streams_;
    grpc::ByteBuffer received_;
    std::string message_;
    grpc::ByteBuffer response_;
  };

  GrpcCalls& calls_;
};

GrpcServer::GrpcServer(GrpcCalls& calls) : service_(std::make_unique<Service>(calls)) {}

GrpcServer::~GrpcServer() { stop(std::chrono::milliseconds(0)); }

Result<std::uint16_t> GrpcServer::listen(const std::string& address, std::uint64_t max_message) {
  int bound = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &bound);
  // Otherwise a second program could listen at the same address unnoticed.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(
      static_cast<int>(std::min<std::uint64_t>(max_message, std::numeric_limits<int>::max())));
  builder.RegisterCallbackGenericService(service_.get());
  service_->server = builder.BuildAndStart();
  if (!service_->server || bound == 0) {
    return fail(Code::kUnavailable,
                "listening on " + address + " for gRPC failed: is the address free, and of this machine?");
  }
  return static_cast<std::uint16_t>(bound);
}

void GrpcServer::stop(std::chrono::milliseconds drain) {
  if (!service_->server) return;
  service_->server->Shutdown(std::chrono::system_clock::now() + drain);
  service_->server->Wait();
  service_->server.reset();
}

}  // namespace berth::statestore
