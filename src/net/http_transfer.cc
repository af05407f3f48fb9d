// HttpTransfer: libcurl's options and callbacks.
#include "net/http_transfer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>
#include <utility>

#include "net/http_message.h"
#include "net/limits.h"

namespace berth::net::detail {
namespace {

// A body below this is sent at once; for a larger one the server may say no first (Expect: 100-continue).
constexpr std::uint64_t kExpectBytes = std::uint64_t{1} << 20;

// What only the client may say, because it decides where a message ends or who reads it.
bool is_reserved(std::string_view name) {
  for (const std::string_view reserved :
       {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "expect", "te", "trailer",
        "upgrade", "accept-encoding", "authorization", "http2-settings"}) {
    if (equals_ignoring_case(name, reserved)) return true;
  }
  return name.size() >= 6 && equals_ignoring_case(name.substr(0, 6), "proxy-");
}

std::uint64_t size_of(const HttpUpload& body) {
  if (const auto* bytes = std::get_if<std::span<const std::uint8_t>>(&body)) return bytes->size();
  if (const auto* range = std::get_if<HttpFileRange>(&body)) return range->size;
  return 0;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<IpAddress> to_ip(const sockaddr* address, std::uint16_t& port) {
  std::array<std::uint8_t, 16> bytes{};
  if (address->sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, address, sizeof in);
    std::memcpy(bytes.data(), &in.sin_addr, 4);
    port = ntohs(in.sin_port);
    return IpAddress::v4(std::span<const std::uint8_t, 4>(bytes.data(), 4));
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, address, sizeof in);
    std::memcpy(bytes.data(), &in.sin6_addr, 16);
    port = ntohs(in.sin6_port);
    return IpAddress::v6(bytes);
  }
  return std::nullopt;
}

HttpTransfer& self(void* transfer) { return *static_cast<HttpTransfer*>(transfer); }

}  // namespace

HttpTransfer::HttpTransfer(HttpClientRequest request, HttpSink& sink)
    : request_(std::move(request)), sink_(sink) {}

HttpTransfer::~HttpTransfer() {
  on_stop.reset();
  if (easy_ != nullptr) curl_easy_cleanup(easy_);
  curl_slist_free_all(headers_);
}

Result<std::shared_ptr<HttpTransfer>> HttpTransfer::create(HttpClientRequest request,
                                                           const HttpClientOptions& options,
                                                           const HttpTrust& trust, HttpSink& sink) {
  std::shared_ptr<HttpTransfer> out(new HttpTransfer(std::move(request), sink));
  BERTH_TRY(out->set_up(options, trust));
  return out;
}

template <class T>
void HttpTransfer::set(CURLoption option, T value) {
  const CURLcode code = curl_easy_setopt(easy_, option, value);
  if (code != CURLE_OK && !option_error_) option_error_ = code;
}

Result<> HttpTransfer::set_up(const HttpClientOptions& options, const HttpTrust& trust) {
  if (!sendable_name(request_.method)) return failed(Code::kInvalidArgument, "its method is not a token");
  if (request_.timeouts.connect.count() <= 0 || request_.timeouts.total.count() <= 0) {
    return failed(Code::kInvalidArgument, "its timeouts must be positive");
  }
  const HttpProxyServer* proxy = options.proxy.for_url(request_.url);
  proxied_ = proxy != nullptr;
  if (proxied_ && request_.addresses) {
    // A name is the proxy's to resolve; an address can still be judged here.
    if (const auto address = IpAddress::parse(request_.url.host());
        address && !request_.addresses->allows(*address, request_.url.port())) {
      refused_ = address->to_string();
      return fail(error_of(CURLE_COULDNT_CONNECT));
    }
  }
  easy_ = curl_easy_init();
  if (easy_ == nullptr) return failed(Code::kResourceExhausted, "no memory");
  BERTH_TRY(set_headers());

  set(CURLOPT_PRIVATE, static_cast<void*>(this));
  set(CURLOPT_ERRORBUFFER, error_text_);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_URL, request_.url.to_string().c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  set(CURLOPT_USERAGENT, options.user_agent.c_str());
  // A look-up that hangs is left behind, not waited for.
  set(CURLOPT_QUICK_EXIT, 1L);
  // So that a change of the server's address is followed.
  set(CURLOPT_MAXLIFETIME_CONN, 600L);
  set(CURLOPT_BUFFERSIZE, 64L * 1024);

  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request_.timeouts.connect.count()));
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(request_.timeouts.total.count()));
  set(CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(request_.timeouts.low_speed_bytes));
  set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(request_.timeouts.low_speed_for.count()));

  // Null would let the environment decide.
  set(CURLOPT_NOPROXY, "");
  set(CURLOPT_PROXY, "");
  if (proxy != nullptr) {
    set(CURLOPT_PROXY,
        ((proxy->url.https() ? "https://" : "http://") + proxy->url.authority() +
         (proxy->url.port() == (proxy->url.https() ? 443 : 80) ? ":" + std::to_string(proxy->url.port())
                                                               : ""))
            .c_str());
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (!proxy->user.empty()) {
      const std::string& user = proxy->user.reveal();
      const std::size_t colon = std::min(user.find(':'), user.size());
      const Secret name(user.substr(0, colon));
      const Secret password(user.substr(std::min(colon + 1, user.size())));
      set(CURLOPT_PROXYAUTH, CURLAUTH_BASIC);
      set(CURLOPT_PROXYUSERNAME, name.reveal().c_str());
      set(CURLOPT_PROXYPASSWORD, password.reveal().c_str());
    }
  }

  // HttpTrust has the certificates: libcurl need not read them for each connection.
  for (const CURLoption files :
       {CURLOPT_CAINFO, CURLOPT_CAPATH, CURLOPT_PROXY_CAINFO, CURLOPT_PROXY_CAPATH}) {
    set(files, static_cast<const char*>(nullptr));
  }
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  set(
      CURLOPT_SSL_CTX_FUNCTION, +[](CURL*, void* settings, void* of) -> CURLcode {
        return static_cast<const HttpTrust*>(of)->apply(static_cast<ssl_ctx_st*>(settings))
                   ? CURLE_OK
                   : CURLE_SSL_CERTPROBLEM;
      });
  set(CURLOPT_SSL_CTX_DATA, const_cast<void*>(static_cast<const void*>(&trust)));

  set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(this));
  set(
      CURLOPT_OPENSOCKETFUNCTION, +[](void* of, curlsocktype, curl_sockaddr* to) -> curl_socket_t {
        if (!self(of).may_dial(&to->addr, to->addrlen)) return CURL_SOCKET_BAD;
        return ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
      });
  set(CURLOPT_PREREQDATA, static_cast<void*>(this));
  set(
      CURLOPT_PREREQFUNCTION, +[](void* of, char* peer, char*, int port, int) -> int {
        return self(of).may_use(peer, port) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
      });
  set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(
      CURLOPT_HEADERFUNCTION, +[](char* line, std::size_t, std::size_t size, void* of) -> std::size_t {
        self(of).on_header({line, size});
        return self(of).error_ ? 0 : size;
      });
  set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  set(
      CURLOPT_WRITEFUNCTION, +[](char* bytes, std::size_t, std::size_t size, void* of) -> std::size_t {
        self(of).on_body({bytes, size});
        return self(of).error_ ? CURL_WRITEFUNC_ERROR : size;
      });
  set_body();
  if (option_error_) {
    return failed(
        Code::kFailedPrecondition,
        std::string("this libcurl lacks an option that berth needs (7.88 or newer, with OpenSSL): ") +
            curl_easy_strerror(*option_error_));
  }
  return {};
}

Result<> HttpTransfer::set_headers() {
  const auto add = [&](const std::string& line) {
    curl_slist* grown = curl_slist_append(headers_, line.c_str());
    if (grown != nullptr) headers_ = grown;
    return grown != nullptr;
  };
  bool added = add("Accept-Encoding: identity") && (size_of(request_.body) > kExpectBytes || add("Expect:"));
  for (const auto& [name, value] : request_.headers) {
    if (!sendable_name(name)) return failed(Code::kInvalidArgument, "the name of a header is not a token");
    if (!sendable_value(value)) {
      return failed(Code::kInvalidArgument, "the header " + name + " has a line break or control character");
    }
    if (is_reserved(name))
      return failed(Code::kInvalidArgument, "the header " + name + " belongs to the client");
    // "Name:" would remove one of libcurl's own instead of sending an empty one.
    added = added && add(trimmed(value).empty() ? name + ";" : name + ": " + value);
  }
  if (!request_.authorization.empty()) {
    const std::string& value = request_.authorization.reveal();
    if (!sendable_value(value))
      return failed(Code::kInvalidArgument, "the authorization has a control character");
    const Secret line("Authorization: " + value);
    added = added && add(line.reveal());
  }
  if (!added) return failed(Code::kResourceExhausted, "no memory");
  set(CURLOPT_HTTPHEADER, headers_);
  // Not to the proxy as well.
  set(CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
  return {};
}

void HttpTransfer::set_body() {
  const std::string& method = request_.method;
  const bool has_body = !std::holds_alternative<std::monostate>(request_.body);
  if (method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
    return;
  }
  // These say "Content-Length: 0" where there is no body.
  if (has_body || method == "POST" || method == "PUT" || method == "PATCH") {
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size_of(request_.body)));
    set(CURLOPT_READDATA, static_cast<void*>(this));
    set(
        CURLOPT_READFUNCTION, +[](char* into, std::size_t, std::size_t size, void* of) -> std::size_t {
          return self(of).on_read(into, size);
        });
    // A kept connection that turns out to be dead is replaced, and the body begins again.
    set(CURLOPT_SEEKDATA, static_cast<void*>(this));
    set(
        CURLOPT_SEEKFUNCTION, +[](void* of, curl_off_t to, int origin) -> int {
          if (origin != SEEK_SET || to < 0) return CURL_SEEKFUNC_FAIL;
          self(of).body_at_ = static_cast<std::uint64_t>(to);
          return CURL_SEEKFUNC_OK;
        });
  }
  if (method != "GET" || has_body) set(CURLOPT_CUSTOMREQUEST, method.c_str());
}

// ---- what the server sends -------------------------------------------------------------------------

void HttpTransfer::on_header(std::string_view line) {
  head_bytes_ += line.size();
  if (head_bytes_ > kMaxResponseHeadBytes) {
    return fail_with(Error(Code::kResourceExhausted,
                           "its head has more than " + std::to_string(kMaxResponseHeadBytes >> 10) + " KiB"));
  }
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  if (head_done_) {  // a trailer
    if (++head_fields_ > kMaxResponseFields)
      fail_with(Error(Code::kResourceExhausted, "it has too many trailers"));
    return;
  }
  if (line.starts_with("HTTP/") && response_.head.fields.empty()) {
    const std::size_t space = std::min(line.find(' '), line.size());
    const std::string_view code = line.substr(space).substr(0, 4);
    response_.head.status = 0;
    std::from_chars(code.data() + std::min<std::size_t>(1, code.size()), code.data() + code.size(),
                    response_.head.status);
    if (response_.head.status < 100 || response_.head.status > 599) {
      fail_with(Error(Code::kUnavailable, "it is answered with no status between 100 and 599"));
    }
    return;
  }
  if (line.empty()) return on_head();
  if (++head_fields_ > kMaxResponseFields) {
    return fail_with(Error(Code::kResourceExhausted,
                           "its head has more than " + std::to_string(kMaxResponseFields) + " fields"));
  }
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  if (colon == std::string_view::npos || !sendable_name(name) || !sendable_value(line.substr(colon + 1))) {
    return fail_with(Error(Code::kUnavailable, "it is answered with a malformed header"));
  }
  HttpField& field = response_.head.fields.emplace_back(name, trimmed(line.substr(colon + 1)));
  std::ranges::transform(field.first, field.first.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
}

void HttpTransfer::on_head() {
  const HttpHead& head = response_.head;
  if (head.status < 200) {  // interim: the final one follows
    response_.head = {};
    return;
  }
  head_done_ = true;
  // Where a body ends must be said once: two answers to that are how responses are smuggled.
  std::optional<std::uint64_t> length;
  bool chunked = false;
  for (const auto& [name, value] : head.fields) {
    if (name == "transfer-encoding") {
      if (chunked || !equals_ignoring_case(value, "chunked")) {
        return fail_with(
            Error(Code::kUnavailable, "it is answered with another transfer encoding than chunked"));
      }
      chunked = true;
    }
    if (name != "content-length") continue;
    std::uint64_t n = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), n);
    if (value.empty() || error != std::errc() || end != value.data() + value.size() ||
        (length && *length != n)) {
      return fail_with(Error(Code::kUnavailable, "it is answered with no usable Content-Length"));
    }
    length = n;
  }
  if (chunked && length) {
    return fail_with(Error(Code::kUnavailable, "it is answered with both Content-Length and chunks"));
  }
  const bool bodiless = request_.method == "HEAD" || head.status == 204 || head.status == 304;
  if (!bodiless && length && *length > request_.max_body_bytes) {
    return fail_with(Error(Code::kResourceExhausted, "its body has " + std::to_string(*length) +
                                                         " bytes, more than " +
                                                         std::to_string(request_.max_body_bytes)));
  }
  if (auto begun = sink_.begin(head); !begun) error_ = std::move(begun).error();
}

void HttpTransfer::on_body(std::string_view bytes) {
  // After "101 Switching Protocols", which nobody asked for.
  if (!head_done_)
    return fail_with(Error(Code::kUnavailable, "it is answered with bytes that are no HTTP response"));
  if (bytes.size() > request_.max_body_bytes - response_.body_bytes) {
    return fail_with(Error(Code::kResourceExhausted,
                           "its body has more than " + std::to_string(request_.max_body_bytes) + " bytes"));
  }
  auto written = sink_.write({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  if (!written) {
    error_ = std::move(written).error();
    return;
  }
  response_.body_bytes += bytes.size();
}

// ---- what is sent -----------------------------------------------------------------------------------

std::size_t HttpTransfer::on_read(char* into, std::size_t size) {
  const std::uint64_t total = size_of(request_.body);
  size = static_cast<std::size_t>(std::min<std::uint64_t>(size, total - std::min(total, body_at_)));
  if (const auto* bytes = std::get_if<std::span<const std::uint8_t>>(&request_.body)) {
    if (size > 0) std::memcpy(into, bytes->data() + body_at_, size);
  } else if (const auto* range = std::get_if<HttpFileRange>(&request_.body); range != nullptr && size > 0) {
    ssize_t n = 0;
    do {
      n = ::pread(range->fd, into, size, static_cast<off_t>(range->offset + body_at_));
    } while (n < 0 && errno == EINTR);
    if (n <= 0) {
      fail_with(Error(n == 0 ? Code::kAborted : Code::kUnavailable,
                      "reading the file it sends: " + (n == 0 ? std::string("it has become shorter")
                                                              : std::generic_category().message(errno))));
      return CURL_READFUNC_ABORT;
    }
    size = static_cast<std::size_t>(n);
  }
  body_at_ += size;
  if (request_.on_sent && size > 0) request_.on_sent(body_at_);
  return size;
}

// ---- where it is sent ---------------------------------------------------------------------------------

bool HttpTransfer::may_dial(const sockaddr* address, socklen_t size) {
  if (proxied_ || !request_.addresses) return true;
  std::uint16_t port = 0;
  const auto ip = size >= sizeof(sockaddr_in) ? to_ip(address, port) : std::nullopt;
  if (ip && request_.addresses->allows(*ip, port)) return true;
  refused_ = ip ? ip->to_string() : "an address that is not IP";
  return false;
}

bool HttpTransfer::may_use(std::string_view address, int port) {
  const auto ip = IpAddress::parse(address);
  if (ip) response_.peer = *ip;
  // A connection that an earlier request dialled may lead where this one must not go.
  if (proxied_ || !request_.addresses) return true;
  if (ip && request_.addresses->allows(*ip, static_cast<std::uint16_t>(port))) return true;
  refused_ = address;
  return false;
}

// ---- the end --------------------------------------------------------------------------------------------

std::unexpected<Error> HttpTransfer::failed(Code code, std::string_view why) const {
  return fail(code, request_.method + " " + request_.url.shown() + ": " + std::string(why));
}

void HttpTransfer::fail_with(Error error) {
  if (!error_) error_ = std::move(error).context(request_.method + " " + request_.url.shown());
}

Result<HttpClientResponse> HttpTransfer::result(CURLcode code) {
  if (error_) return fail(*std::move(error_));
  if (code != CURLE_OK) return fail(error_of(code));
  if (!head_done_) return failed(Code::kUnavailable, "it is answered with no HTTP response");
  long version = 0;
  curl_easy_getinfo(easy_, CURLINFO_HTTP_VERSION, &version);
  response_.http2 = version == CURL_HTTP_VERSION_2_0;
  return std::move(response_);
}

Error HttpTransfer::error_of(CURLcode code) const {
  const std::string why = error_text_[0] != '\0' ? error_text_ : curl_easy_strerror(code);
  const auto error = [&](Code kind, const std::string& text) { return failed(kind, text).error(); };
  if (!refused_.empty() && (code == CURLE_COULDNT_CONNECT || code == CURLE_ABORTED_BY_CALLBACK)) {
    const auto address = IpAddress::parse(refused_);
    return error(Code::kPermissionDenied,
                 request_.url.host() + " leads to " + refused_ + " (" +
                     std::string(address ? address_class_name(address->classify()) : "not an IP address") +
                     "), which is not among the addresses that may be dialled");
  }
  long answered_connect = 0;
  if (easy_ != nullptr) curl_easy_getinfo(easy_, CURLINFO_HTTP_CONNECTCODE, &answered_connect);
  if (answered_connect == 407)
    return error(Code::kPermissionDenied, "the proxy wants other credentials (407)");
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT: return error(Code::kDeadlineExceeded, why);
    case CURLE_PEER_FAILED_VERIFICATION:
      return error(Code::kPermissionDenied,
                   "the server is not trusted: " + why + "; name its CA if it has one of its own");
    case CURLE_SSL_CERTPROBLEM:
      return error(Code::kInternal, "OpenSSL does not take the system's or our own certificates: " + why);
    case CURLE_OUT_OF_MEMORY: return error(Code::kResourceExhausted, why);
    default: return error(Code::kUnavailable, why);
  }
}

}  // namespace berth::net::detail
