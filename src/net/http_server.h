// HttpServer: an HTTP/1.1 server whose handlers answer now or later, from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/task.h"
#include "net/http_message.h"
#include "net/io_context.h"
#include "net/limits.h"

namespace berth::net {

namespace detail {
class HttpConnection;
class HttpServerState;
}  // namespace detail

// The right, and the duty, to answer one request. Destroying it unsent answers 500.
// One thread at a time; may be moved to, and used on, any thread, also after the server stopped.
class HttpReply {
 public:
  HttpReply(HttpReply&&) noexcept;
  HttpReply& operator=(HttpReply&&) noexcept;
  ~HttpReply();

  // Answers. Copies what it needs before it returns; never blocks. Sent inside HttpHandler::handle
  // it costs no allocation and no thread change. Only the first call counts.
  void send(const HttpResponseView& response);
  void send(const HttpResponse& response);

 private:
  friend class detail::HttpConnection;
  explicit HttpReply(std::shared_ptr<detail::HttpConnection> connection);
  std::shared_ptr<detail::HttpConnection> connection_;
};

// What a server does with requests.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // Called on an I/O thread; must not block or throw. `request` is valid until `reply` was sent or
  // destroyed. Requests of one connection come one after the other; several connections at once.
  virtual void handle(const HttpRequest& request, HttpReply reply) = 0;
};

// A handler from a coroutine. The request stays valid until the coroutine returns.
[[nodiscard]] std::unique_ptr<HttpHandler> task_handler(
    std::function<Task<HttpResponse>(const HttpRequest&)> handle);
// A handler from a function that answers at once, such as /metrics.
[[nodiscard]] std::unique_ptr<HttpHandler> sync_handler(
    std::function<HttpResponse(const HttpRequest&)> handle);

struct HttpServerOptions {
  std::size_t max_body_bytes = kDefaultMaxBodyBytes;     // more is answered with 413
  std::size_t max_connections = kDefaultMaxConnections;  // more are answered with 503
  std::chrono::milliseconds idle_timeout{75'000};        // between requests
  std::chrono::milliseconds header_timeout{10'000};      // from the first byte to the header's end
  std::chrono::milliseconds body_timeout{60'000};        // from the header's end to the body's
  std::chrono::milliseconds write_timeout{30'000};       // for the client to take an answer
};

struct HttpServerCounts {
  std::uint64_t connections = 0;  // open now
  std::uint64_t accepted = 0;     // since the start
  std::uint64_t refused = 0;      // because of max_connections
  std::uint64_t timed_out = 0;    // any of the timeouts
  std::uint64_t malformed = 0;    // requests that broke HTTP or a limit
};

// Serves HTTP/1.1 (and 1.0) on any number of addresses: keep-alive, pipelining in order, chunked
// request bodies, Expect: 100-continue, HEAD. No TLS.
// Thread-safe, except that destruction and stop() must not come from a thread of its IoContext.
class HttpServer final {
 public:
  // `io` and `handler` must outlive the server; `io` also each HttpReply.
  HttpServer(IoContext& io, HttpHandler& handler, HttpServerOptions options = {});
  // stop(0).
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Starts to accept at a numeric address ("127.0.0.1", "::1"). Port 0 lets the system choose.
  // Returns the port. Fails with kInvalidArgument, kPermissionDenied, kAlreadyExists (in use) or
  // kUnavailable.
  [[nodiscard]] Result<std::uint16_t> listen(std::string_view address, std::uint16_t port);
  // As listen(), on a Unix socket of file mode `mode`. A socket file nobody listens on is replaced,
  // and the file is removed by stop().
  [[nodiscard]] Result<void> listen_unix(const std::string& path, unsigned mode);

  // Stops accepting, closes idle connections, lets requests in progress finish for up to `drain`,
  // then cuts the rest. Blocks. Afterwards the handler is not called again. Returns how many were cut.
  std::size_t stop(std::chrono::milliseconds drain);

  [[nodiscard]] HttpServerCounts counts() const;

 private:
  std::shared_ptr<detail::HttpServerState> state_;
};

}  // namespace berth::net
