// HttpClient: HTTP/1.1 and HTTP/2 requests to others, over libcurl on the threads of an IoContext.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/byte_sink.h"
#include "base/error.h"
#include "base/secret.h"
#include "base/task.h"
#include "net/address.h"
#include "net/io_context.h"
#include "net/limits.h"
#include "net/url.h"

namespace berth::net {

// Whom to trust and who to be, as PEM texts: whoever has files reads them. Certificates and names are always
// checked, TLS is 1.2 or newer.
struct HttpTls {
  bool system_ca = true;        // the system's certificates are trusted
  std::string extra_ca_pem;     // trusted besides them; empty: none
  std::string certificate_pem;  // the client's certificate, then its chain; empty: none
  Secret key_pem;               // its private key, not encrypted
};

// One proxy: its path and query mean nothing. Plain value.
struct HttpProxyServer {
  Url url;
  Secret user;  // "user:password"; empty: none
};

// Who carries the requests. By default nobody: the environment is not looked at.
struct HttpProxy {
  std::optional<HttpProxyServer> for_http;   // carries http: requests
  std::optional<HttpProxyServer> for_https;  // carries https: requests, through CONNECT
  // Hosts reached directly: a name with everything below it ("example.org"), an address, a range, or "*".
  std::vector<std::string> except;

  // What http_proxy, https_proxy, all_proxy and no_proxy say; also in upper case, except HTTP_PROXY,
  // which a CGI request can set. kInvalidArgument: one is no http or https URL.
  [[nodiscard]] static Result<HttpProxy> from_environment();
  // The one that carries requests to `url`; null: direct.
  [[nodiscard]] const HttpProxyServer* for_url(const Url& url) const;
};

struct HttpClientOptions {
  HttpTls tls;
  HttpProxy proxy;
  std::string user_agent = "berth";
  std::size_t max_connections = kMaxClientConnections;  // further requests wait for one
};

// A header, or a field of a response.
using HttpField = std::pair<std::string, std::string>;

// A piece of an open file. The descriptor is borrowed and read with pread.
struct HttpFileRange {
  int fd = -1;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};
// What a request sends, from where it lies, without a copy of the whole: borrowed, unchanged until the
// request is over.
using HttpUpload = std::variant<std::monostate, std::span<const std::uint8_t>, HttpFileRange>;

// How long what may take. Each bounds something that an other side can draw out.
struct HttpTimeouts {
  std::chrono::milliseconds connect{10'000};  // name, connection and TLS
  std::chrono::milliseconds total{60'000};    // from the call to the last byte
  std::uint64_t low_speed_bytes = 1024;       // fewer bytes a second than this ...
  std::chrono::seconds low_speed_for{20};     // ... for this long ends it
};

// One request. Redirects are not followed and nothing is retried: whoever knows what the credentials are
// for decides that.
struct HttpClientRequest {
  std::string method = "GET";
  Url url;
  // Host, Content-Length, Transfer-Encoding, Connection, Expect, Accept-Encoding, TE and Proxy-* belong to
  // the client; a line break in a value is refused.
  std::vector<HttpField> headers;
  Secret authorization;  // the Authorization header's value; empty: none
  HttpUpload body;
  // A larger body ends the request: at the head when it is announced, otherwise at this byte.
  std::uint64_t max_body_bytes = kDefaultMaxBodyBytes;
  HttpTimeouts timeouts;
  // Checked for every address before it is dialled, and for a kept connection before it is used. Null:
  // every address. Where a proxy carries the request, the proxy's own address is not checked, and of the
  // target only an address written in the URL can be.
  std::shared_ptr<const AddressPolicy> addresses;
  // Called on an I/O thread as the body leaves, with the bytes sent so far. Empty: not.
  std::function<void(std::uint64_t)> on_sent;
};

// The last status line and its fields; interim (1xx) answers, a proxy's answer to CONNECT and trailers
// are not in it.
struct HttpHead {
  int status = 0;
  std::vector<HttpField> fields;  // names in lower case
  // The first of that name (in lower case); nothing without one.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  // Retry-After in seconds or as a date, at most kMaxRetryAfter; nothing without a usable one.
  [[nodiscard]] std::optional<std::chrono::seconds> retry_after() const;
};

struct HttpClientResponse {
  HttpHead head;
  std::uint64_t body_bytes = 0;   // given to the sink
  bool http2 = false;             // the version that was spoken
  std::optional<IpAddress> peer;  // the other end of the connection: the server or the proxy
};

// Where a response's body goes. Called on an I/O thread: it may write to a file, which then holds back the
// requests that share the IoContext; give fetching a context of its own.
class HttpSink : public ByteSink {
 public:
  // Once, before the body, with the final head. An error ends the request, which reports it.
  [[nodiscard]] virtual Result<> begin(const HttpHead& head) {
    (void)head;
    return {};
  }
};

// Keeps a body in memory; the request's max_body_bytes bounds it. One thread at a time.
class HttpTextSink final : public HttpSink {
 public:
  [[nodiscard]] Result<> write(std::span<const std::uint8_t> bytes) override {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  }
  std::string text;
};

// Keeps connections and reuses them for the same origin; HTTP/2 where TLS agrees on it. One client has one
// identity (certificates, proxy), so that no connection is reused under another: make one for each.
// Bodies are never decompressed, cookies never kept, user files (.netrc) never read. A request on a kept
// connection that turns out to be dead is sent once more on a new one, whatever its method.
//
// Any status is a response. Errors:
//  kInvalidArgument: the request is malformed (method, header).
//  kPermissionDenied: every address of the host was refused by the policy, or the server's certificate is
//    not trusted; the message says which.
//  kDeadlineExceeded: one of the timeouts. kCancelled: the stop token, or the client's end.
//  kResourceExhausted: body over max_body_bytes, head over kMaxResponseHeadBytes or kMaxResponseFields.
//  kUnavailable: name, connection, TLS, or a response that is not HTTP or ends early.
//  Whatever the sink returned.
// Messages show the URL without its query, and no header.
//
// Thread-safe. Destruction ends what is under way with kCancelled, and waits for it; it must not come from a
// thread of the IoContext, which must outlive the client and still run.
class HttpClient final {
 public:
  // kInvalidArgument: a PEM text that cannot be read, or a key that is not the certificate's.
  [[nodiscard]] static Result<std::unique_ptr<HttpClient>> create(IoContext& io,
                                                                  HttpClientOptions options = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Does not block; continues on an I/O thread. `sink`, and what the request borrows, live until it is over.
  [[nodiscard]] Task<Result<HttpClientResponse>> send(HttpClientRequest request, HttpSink& sink,
                                                      std::stop_token stop = {});
  // As send, and waits. Not on a thread of the IoContext: kFailedPrecondition.
  [[nodiscard]] Result<HttpClientResponse> send_and_wait(HttpClientRequest request, HttpSink& sink,
                                                         std::stop_token stop = {});

 private:
  class State;
  explicit HttpClient(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace berth::net
