// HTTP requests and responses as handlers see them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace berth::net {

enum class HttpMethod : std::uint8_t { kGet, kHead, kPost, kPut, kDelete, kPatch, kOptions, kOther };

struct HttpHeader {
  std::string_view name;
  std::string_view value;
};

// One complete request. All views point into the connection's buffer: they are valid until the
// request's HttpReply was sent or destroyed. Immutable.
class HttpRequest {
 public:
  [[nodiscard]] HttpMethod method() const { return method_; }
  [[nodiscard]] std::string_view method_text() const { return method_text_; }
  // As sent, without scheme and authority: "/a%20b?x=1".
  [[nodiscard]] std::string_view target() const { return target_; }
  // The target before '?', still percent-encoded.
  [[nodiscard]] std::string_view path() const { return target_.substr(0, target_.find('?')); }
  // The target after '?', still percent-encoded; empty without one.
  [[nodiscard]] std::string_view query() const;
  // The first header of that name, compared without case.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
  [[nodiscard]] std::span<const HttpHeader> headers() const { return headers_; }
  [[nodiscard]] std::string_view body() const { return body_; }

 private:
  friend class HttpParser;
  HttpMethod method_ = HttpMethod::kOther;
  std::string_view method_text_;
  std::string_view target_;
  std::string_view body_;
  std::vector<HttpHeader> headers_;
};

// An answer whose parts belong to the caller; sending copies them. Content-Length, Date and
// Connection are added by the server. A header with a line break in it is answered with 500 instead.
struct HttpResponseView {
  int status = 200;
  std::string_view content_type;  // empty: no such header
  std::span<const HttpHeader> headers;
  std::string_view body;
};

// An answer that owns its parts.
struct HttpResponse {
  int status = 200;
  std::string content_type;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

[[nodiscard]] std::string_view http_reason(int status);

// Letters and digits of ASCII only, as header names are compared.
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b);

// "a%20b" -> "a b". Nothing for a '%' without two hexadecimal digits. '+' stays '+'.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);

namespace detail {
enum class KeepAlive : bool { kNo, kYes };
enum class SendBody : bool { kNo, kYes };

// A token of RFC 9110, 5.6.2.
[[nodiscard]] bool sendable_name(std::string_view name);
// Without the characters that end a header line.
[[nodiscard]] bool sendable_value(std::string_view value);

// Appends the whole response; `date` is the IMF-fixdate. False when a header is not sendable
// (nothing is appended then).
[[nodiscard]] bool append_response(std::string& out, const HttpResponseView& response, std::string_view date,
                                   KeepAlive keep_alive, SendBody send_body);
// IMF-fixdate of RFC 9110, always 29 characters: "Sun, 06 Nov 1994 08:49:37 GMT".
void format_http_date(std::int64_t unix_seconds, char (&out)[30]);
}  // namespace detail

}  // namespace berth::net
