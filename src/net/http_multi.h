// HttpMulti: libcurl's multi handle on Asio. Internal to the net room.
#pragma once

#include <curl/curl.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <map>
#include <memory>
#include <set>

#include "net/http_transfer.h"
#include "net/io_core.h"

namespace berth::net::detail {

// Runs transfers; keeps the connections. Everything happens on one strand: libcurl's handle is for one thread
// at a time. What waits in Asio holds a reference, so it lives until stop() was carried out. Thread-safe.
class HttpMulti final : public std::enable_shared_from_this<HttpMulti> {
 public:
  // kResourceExhausted without memory.
  [[nodiscard]] static Result<std::shared_ptr<HttpMulti>> create(IoCore& io, const HttpClientOptions& options,
                                                                 std::unique_ptr<const HttpTrust> trust);
  ~HttpMulti();
  HttpMulti(const HttpMulti&) = delete;
  HttpMulti& operator=(const HttpMulti&) = delete;

  // Calls the transfer's `done` once, on the strand.
  void start(std::shared_ptr<HttpTransfer> transfer);
  // Ends it with kCancelled, unless it is over.
  void cancel(std::weak_ptr<HttpTransfer> transfer);
  // Cancels everything, also what is started later, and calls `stopped`.
  void stop(std::move_only_function<void()> stopped);

  [[nodiscard]] const HttpClientOptions& options() const { return options_; }
  [[nodiscard]] const HttpTrust& trust() const { return *trust_; }

 private:
  using Executor = boost::asio::io_context::executor_type;
  using Strand = boost::asio::strand<Executor>;

  // A descriptor that libcurl wants to be told about. libcurl opens and closes it.
  struct Watched {
    explicit Watched(const Strand& strand) : descriptor(strand) {}
    boost::asio::posix::basic_stream_descriptor<Strand> descriptor;
    bool gone = false;
    bool want_read = false, want_write = false;
    bool waits_read = false, waits_write = false;
  };

  HttpMulti(IoCore& io, const HttpClientOptions& options, std::unique_ptr<const HttpTrust> trust);

  // On the strand:
  void watch(curl_socket_t fd, int what);
  void wait(const std::shared_ptr<Watched>& watched, curl_socket_t fd);
  void set_timer(long ms);
  void act(curl_socket_t fd, int events);
  void finish(const std::shared_ptr<HttpTransfer>& transfer, Result<HttpClientResponse> result);
  void close();

  const HttpClientOptions options_;
  const std::unique_ptr<const HttpTrust> trust_;
  Strand strand_;
  boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                    boost::asio::wait_traits<std::chrono::steady_clock>, Strand>
      timer_;
  CURLM* multi_ = nullptr;  // null once stopped
  std::map<curl_socket_t, std::shared_ptr<Watched>> watched_;
  std::map<HttpTransfer*, std::shared_ptr<HttpTransfer>> running_;
};

}  // namespace berth::net::detail
