// HttpTransfer: one request as libcurl sees it. Internal to the net room.
#pragma once

#include <curl/curl.h>

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "net/http_client.h"
#include "net/http_trust.h"

namespace berth::net::detail {

// Owns an easy handle and what its callbacks need. Everything a server sends passes here and is bounded here.
// One thread at a time: that of the multi handle, once it is started.
class HttpTransfer final {
 public:
  using Done = std::move_only_function<void(Result<HttpClientResponse>)>;

  // Fails before anything is sent: kInvalidArgument for a malformed request, kPermissionDenied for an address
  // in the URL that the policy refuses. `options`, `trust` and `sink` outlive the transfer.
  [[nodiscard]] static Result<std::shared_ptr<HttpTransfer>> create(HttpClientRequest request,
                                                                    const HttpClientOptions& options,
                                                                    const HttpTrust& trust, HttpSink& sink);
  ~HttpTransfer();
  HttpTransfer(const HttpTransfer&) = delete;
  HttpTransfer& operator=(const HttpTransfer&) = delete;

  [[nodiscard]] CURL* easy() const { return easy_; }
  // The response, or why there is none. Once, when libcurl is through with it.
  [[nodiscard]] Result<HttpClientResponse> result(CURLcode code);
  [[nodiscard]] std::unexpected<Error> cancelled() const {
    return failed(Code::kCancelled, "it was cancelled");
  }

  Done done;
  // Its destruction waits for a callback that runs.
  std::optional<std::stop_callback<std::move_only_function<void()>>> on_stop;
  bool is_cancelled = false;  // before it was started

 private:
  HttpTransfer(HttpClientRequest request, HttpSink& sink);
  [[nodiscard]] Result<> set_up(const HttpClientOptions& options, const HttpTrust& trust);
  [[nodiscard]] Result<> set_headers();
  void set_body();
  template <class T>
  void set(CURLoption option, T value);

  [[nodiscard]] std::unexpected<Error> failed(Code code, std::string_view why) const;
  // Remembers the first failure; what libcurl reports afterwards is its echo.
  void fail_with(Error error);

  void on_header(std::string_view line);
  void on_head();
  void on_body(std::string_view bytes);
  std::size_t on_read(char* into, std::size_t size);
  [[nodiscard]] bool may_dial(const sockaddr* address, socklen_t size);
  [[nodiscard]] bool may_use(std::string_view address, int port);
  [[nodiscard]] Error error_of(CURLcode code) const;

  CURL* easy_ = nullptr;
  curl_slist* headers_ = nullptr;
  HttpClientRequest request_;
  HttpSink& sink_;
  bool proxied_ = false;

  HttpClientResponse response_;
  std::size_t head_bytes_ = 0;   // of all heads and trailers
  std::size_t head_fields_ = 0;  // likewise
  bool head_done_ = false;       // the final one
  std::uint64_t body_at_ = 0;    // of what is sent
  std::optional<Error> error_;
  std::optional<CURLcode> option_error_;
  std::string refused_;  // the last address that the policy refused
  char error_text_[CURL_ERROR_SIZE] = {};
};

}  // namespace berth::net::detail
