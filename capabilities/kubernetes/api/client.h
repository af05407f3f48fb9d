// Client: requests to one API server: who the host is there, tries, and statuses.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/byte_sink.h"
#include "base/task.h"
#include "capabilities/kubernetes/api/cluster_config.h"
#include "capabilities/kubernetes/api/credentials.h"
#include "capabilities/kubernetes/limits.h"
#include "capabilities/kubernetes/provider.h"
#include "net/http_client.h"
#include "net/io_context.h"
#include "telemetry/metrics.h"

namespace berth::kubernetes {

// Bounds that tests make smaller.
struct ClientLimits {
  std::chrono::milliseconds request = kRequestTime;
  std::chrono::milliseconds first_pause = kFirstPause;
  std::chrono::milliseconds max_pause = kMaxPause;
  std::chrono::seconds watch = kWatchTime;
  std::chrono::seconds watch_silence = kWatchSilence;
  std::uint32_t page_items = kPageItems;
};

// Where the body of a 2xx answer goes. One thread at a time.
class Receiver : public ByteSink {
 public:
  // Before the first byte of each try: what came before is void.
  virtual void begin() = 0;
};

// The body as text. One thread at a time.
class TextReceiver final : public Receiver {
 public:
  void begin() override { text.clear(); }
  [[nodiscard]] Result<> write(std::span<const std::uint8_t> bytes) override {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  }
  std::string text;
};

struct ApiRequest {
  std::string method = "GET";
  std::string_view verb = "get";  // for metrics: a constant
  std::string path;
  std::string query;
  std::string accept = "application/json";
  std::string content_type;
  std::string body;
  std::uint64_t max_body_bytes = kMaxAnswerBytes;
  bool watch = false;  // goes on until one side ends it, and is tried once
};

// Thread-safe. Destruction waits for what is under way; not from a thread of its own.
class Client final {
 public:
  // kInvalidArgument: a certificate or key that cannot be used.
  [[nodiscard]] static Result<std::unique_ptr<Client>> create(ClusterConfig config,
                                                              telemetry::Metrics& metrics,
                                                              ClientLimits limits = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Any status but 2xx is a Failure. `to` lives until it is over.
  [[nodiscard]] Task<Answer<>> send(ApiRequest request, Receiver& to, std::stop_token stop);
  // co_await: continues after `pause` on a thread of the client's, or at once when it is stopped.
  [[nodiscard]] Task<void> sleep(std::chrono::milliseconds pause, std::stop_token stop);

  [[nodiscard]] net::IoContext& io() { return *io_; }
  [[nodiscard]] const ClientLimits& limits() const { return limits_; }

 private:
  class Sink;
  Client(ClusterConfig config, telemetry::Metrics& metrics, ClientLimits limits);

  Task<Result<net::HttpClientResponse>> send_once(const ApiRequest& request, const Secret& authorization,
                                                  Sink& sink, std::stop_token stop);
  void count(std::string_view verb, int status, std::uint64_t bytes);

  const ClusterConfig config_;
  telemetry::Metrics& metrics_;
  const ClientLimits limits_;
  Credentials credentials_;
  std::shared_ptr<const net::AddressPolicy> addresses_;
  std::shared_ptr<telemetry::Counter> retries_, bytes_;
  std::unique_ptr<net::IoContext> io_;
  // Last: they use the threads. Watches have connections of their own, so that they never take the last one.
  std::unique_ptr<net::HttpClient> http_, watches_;
};

}  // namespace berth::kubernetes
