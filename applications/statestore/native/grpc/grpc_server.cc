// GrpcServer: messages in, messages out.
#include "applications/statestore/native/grpc/grpc_server.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <thread>
#include <vector>

namespace berth::statestore {

class GrpcServer::Service final {
 public:
  Service(GrpcCalls& calls, std::uint32_t threads) : calls_(calls), thread_count_(threads) {}

  Result<std::uint16_t> listen(const std::string& address, std::uint64_t max_message) {
    int bound = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &bound);
    // Otherwise a second program could listen at the same address unnoticed.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.SetMaxReceiveMessageSize(
        static_cast<int>(std::min<std::uint64_t>(max_message, std::numeric_limits<int>::max())));
    builder.RegisterAsyncGenericService(&generic_);
    queue_ = builder.AddCompletionQueue();
    server_ = builder.BuildAndStart();
    if (!server_ || bound == 0) {
      server_.reset();
      queue_.reset();
      return fail(Code::kUnavailable,
                  "listening on " + address + " for gRPC failed: is the address free, and of this machine?");
    }
    for (std::uint32_t i = 0; i < thread_count_; ++i) {
      new Call(*this);
      threads_.emplace_back([this] { drain_queue(); });
    }
    return static_cast<std::uint16_t>(bound);
  }

  void stop(std::chrono::milliseconds drain) {
    if (!server_) return;
    server_->Shutdown(std::chrono::system_clock::now() + drain);
    {
      // Also those that are with a store still: they end on the queue, which must be open for that.
      std::unique_lock lock(mutex_);
      ended_.wait(lock, [this] { return calls_open_ == 0; });
    }
    queue_->Shutdown();
    threads_.clear();
    server_.reset();
  }

 private:
  // One call, from when it is waited for to its end; frees itself.
  class Call final {
   public:
    explicit Call(Service& service) : service_(service) {
      {
        const std::lock_guard lock(service.mutex_);
        ++service.calls_open_;
      }
      service.generic_.RequestCall(&context_, &stream_, service.queue_.get(), service.queue_.get(), this);
    }
    ~Call() {
      const std::lock_guard lock(service_.mutex_);
      if (--service_.calls_open_ == 0) service_.ended_.notify_all();
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    // What was begun is done: well, or not because the other side or the server has ended.
    void proceed(bool ok) {
      switch (state_) {
        case State::kWaited:
          if (!ok) break;
          new Call(service_);
          streams_ = service_.calls_.streams(context_.method());
          return read();
        case State::kRead: return received(ok);
        case State::kWritten:
          if (ok) return read();
          return finish(grpc::Status::CANCELLED);
        case State::kFinished: break;
      }
      delete this;
    }

   private:
    enum class State : std::uint8_t { kWaited, kRead, kWritten, kFinished };

    // Another thread may go on with the call before these return.
    void read() {
      state_ = State::kRead;
      stream_.Read(&buffer_, this);
    }
    void finish(const grpc::Status& status) {
      state_ = State::kFinished;
      stream_.Finish(status, this);
    }

    void received(bool ok) {
      if (!ok && streams_) return finish(grpc::Status::OK);
      if (!ok || !buffer_.DumpToSingleSlice(&message_).ok()) {
        return finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "the call has no message"));
      }
      buffer_.Clear();
      const std::string_view message(reinterpret_cast<const char*>(message_.begin()), message_.size());
      detach(service_.calls_.serve(context_.method(), message),
             [this](GrpcOutcome outcome) { answer(std::move(outcome)); });
    }

    void answer(GrpcOutcome outcome) {
      if (!outcome) return finish(outcome.error());
      const grpc::Slice slice(*outcome);
      buffer_ = grpc::ByteBuffer(&slice, 1);
      if (streams_) {
        state_ = State::kWritten;
        stream_.Write(buffer_, this);
      } else {
        state_ = State::kFinished;
        stream_.WriteAndFinish(buffer_, grpc::WriteOptions(), grpc::Status::OK, this);
      }
    }

    Service& service_;
    State state_ = State::kWaited;
    bool streams_ = false;
    grpc::GenericServerContext context_;
    grpc::GenericServerAsyncReaderWriter stream_{&context_};
    grpc::ByteBuffer buffer_;
    grpc::Slice message_;
  };

  void drain_queue() {
    void* call = nullptr;
    bool ok = false;
    while (queue_->Next(&call, &ok)) static_cast<Call*>(call)->proceed(ok);
  }

  GrpcCalls& calls_;
  const std::uint32_t thread_count_;
  grpc::AsyncGenericService generic_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Server> server_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::size_t calls_open_ = 0;  // guarded by mutex_; also those that are waited for
  std::vector<std::jthread> threads_;
};

GrpcServer::GrpcServer(GrpcCalls& calls, std::uint32_t threads)
    : service_(std::make_unique<Service>(calls, threads)) {}

GrpcServer::~GrpcServer() { stop(std::chrono::milliseconds(0)); }

Result<std::uint16_t> GrpcServer::listen(const std::string& address, std::uint64_t max_message) {
  return service_->listen(address, max_message);
}

void GrpcServer::stop(std::chrono::milliseconds drain) { service_->stop(drain); }

}  // namespace berth::statestore
