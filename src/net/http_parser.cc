// HttpParser on Beast's basic_parser: the only translation unit that includes Beast, which compiles slowly.
#include "net/http_parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <cstring>
#include <optional>
#include <vector>

#include "net/limits.h"

namespace berth::net {

namespace http = boost::beast::http;
using boost::beast::error_code;

namespace {

// A view that survives a move of the buffer.
struct Slice {
  std::size_t offset = 0;
  std::size_t size = 0;
};

std::string_view std_view(boost::beast::string_view v) { return {v.data(), v.size()}; }

HttpMethod to_method(http::verb verb) {
  switch (verb) {
    case http::verb::get: return HttpMethod::kGet;
    case http::verb::head: return HttpMethod::kHead;
    case http::verb::post: return HttpMethod::kPost;
    case http::verb::put: return HttpMethod::kPut;
    case http::verb::delete_: return HttpMethod::kDelete;
    case http::verb::patch: return HttpMethod::kPatch;
    case http::verb::options: return HttpMethod::kOptions;
    default: return HttpMethod::kOther;
  }
}

}  // namespace

// What Beast tells about one request. Its parser cannot be reused, so it is rebuilt per request,
// inside memory and vectors that stay.
class HttpParser::Machine {
 public:
  class Beast final : public http::basic_parser<true> {
   public:
    explicit Beast(Machine& machine) : m_(machine) {}

   private:
    void on_request_impl(http::verb verb, boost::beast::string_view method, boost::beast::string_view target,
                         int version, error_code& ec) override {
      m_.method = to_method(verb);
      m_.method_text = m_.slice(method);
      m_.target = m_.slice(target);
      m_.version = version;
      ec = {};
    }
    void on_response_impl(int, boost::beast::string_view, int, error_code&) override {}
    void on_field_impl(http::field field, boost::beast::string_view name, boost::beast::string_view value,
                       error_code& ec) override {
      ec = {};
      if (m_.in_body) return;  // trailers of a chunked body: read over, bounded by the framing limit
      if (m_.headers.size() == kMaxHeaders) {
        m_.refuse(431, "more headers than " + std::to_string(kMaxHeaders), ec);
        return;
      }
      // Beast unfolds a folded value into a buffer of its own. RFC 9112 5.2: refuse or unfold.
      if (!value.empty() && (value.data() < m_.base || value.data() >= m_.base + m_.size)) {
        m_.refuse(400, "a header folded over several lines is not accepted", ec);
        return;
      }
      switch (field) {
        case http::field::host: ++m_.hosts; break;
        case http::field::content_length:
          if (++m_.content_lengths > 1) m_.refuse(400, "more than one Content-Length", ec);
          break;
        case http::field::transfer_encoding:
          // Anything but exactly "chunked" could be framed otherwise by a proxy before us.
          if (!equals_ignoring_case(std_view(value), "chunked")) {
            m_.refuse(501, "the only transfer encoding served is chunked", ec);
          }
          m_.transfer_encoding = true;
          break;
        case http::field::expect:
          if (equals_ignoring_case(std_view(value), "100-continue")) {
            m_.expects_continue = true;
          } else {
            m_.refuse(417, "the only expectation served is 100-continue", ec);
          }
          break;
        default: break;
      }
      m_.headers.push_back({m_.slice(name), m_.slice(value)});
    }
    void on_header_impl(error_code& ec) override { ec = {}; }
    void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code& ec) override { ec = {}; }
    std::size_t on_body_impl(boost::beast::string_view, error_code& ec) override {
      ec = {};
      return 0;
    }
    void on_chunk_header_impl(std::uint64_t, boost::beast::string_view, error_code& ec) override { ec = {}; }
    std::size_t on_chunk_body_impl(std::uint64_t, boost::beast::string_view piece, error_code& ec) override {
      ec = {};
      m_.chunked_body.append(piece.data(), piece.size());
      return piece.size();
    }
    void on_finish_impl(error_code& ec) override { ec = {}; }

    Machine& m_;
  };

  void refuse(int status, std::string message, error_code& ec) {
    refused_status = status;
    refused_message = std::move(message);
    ec = http::error::bad_value;
  }
  [[nodiscard]] Slice slice(boost::beast::string_view v) const {
    return {v.empty() ? 0 : static_cast<std::size_t>(v.data() - base), v.size()};
  }
  void restart(const char* data, std::size_t data_size) {
    base = data;
    size = data_size;
    headers.clear();
    chunked_body.clear();
    hosts = 0;
    content_lengths = 0;
    transfer_encoding = false;
    expects_continue = false;
    in_body = false;
    refused_status = 0;
    beast.emplace(*this);
  }

  std::optional<Beast> beast;
  const char* base = nullptr;
  std::size_t size = 0;
  HttpMethod method = HttpMethod::kOther;
  int version = 11;
  Slice method_text;
  Slice target;
  std::vector<std::pair<Slice, Slice>> headers;
  std::string chunked_body;
  int hosts = 0;
  int content_lengths = 0;
  bool transfer_encoding = false;
  bool expects_continue = false;
  bool in_body = false;
  std::size_t content_length = 0;
  int refused_status = 0;
  std::string refused_message;
};

HttpParser::HttpParser(std::size_t max_body_bytes)
    : max_body_bytes_(max_body_bytes), machine_(std::make_unique<Machine>()) {}
HttpParser::~HttpParser() = default;

HttpParser::State HttpParser::bad(int status, std::string_view message) {
  error_status_ = status;
  error_message_ = message;
  return State::kBad;
}

void HttpParser::next() {
  searched_ = 0;
  header_bytes_ = 0;
  request_bytes_ = 0;
  keep_alive_ = false;
  continue_sent_ = false;
  // A large chunked body should not stay with an idle connection.
  if (machine_->chunked_body.capacity() > kFlushBytes) machine_->chunked_body = {};
}

HttpParser::State HttpParser::parse(char* data, std::size_t& size) {
  if (header_bytes_ == 0) {
    const State state = parse_header(data, size);
    if (state != State::kRequest) return state;
  }
  return parse_body(data, size);
}

HttpParser::State HttpParser::parse_header(char* data, std::size_t size) {
  // RFC 9112 2.2: empty lines before a request line are ignored.
  std::size_t start = 0;
  while (start < size && (data[start] == '\r' || data[start] == '\n')) ++start;
  const std::string_view text(data, size);
  const std::size_t from = std::max(start, searched_ > 3 ? searched_ - 3 : 0);
  const std::size_t end = text.find("\r\n\r\n", from);
  if (end == std::string_view::npos ? size > kMaxHeaderBytes : end + 4 > kMaxHeaderBytes) {
    return bad(431, "the request line and headers are longer than 16 KiB");
  }
  if (end == std::string_view::npos) {
    searched_ = size;
    return State::kNeedHeader;
  }

  Machine& m = *machine_;
  m.restart(data, end + 4);
  m.beast->header_limit(kMaxHeaderBytes);
  // The limit is checked below, where the answer can be 413.
  m.beast->body_limit(std::numeric_limits<std::uint64_t>::max());
  error_code ec;
  m.beast->put(boost::asio::const_buffer(data + start, end + 4 - start), ec);
  if (m.refused_status != 0) return bad(m.refused_status, m.refused_message);
  if (ec == http::error::bad_version) return bad(505, "the HTTP version must be 1.0 or 1.1");
  if (ec) return bad(400, "the request is not valid HTTP/1.1");
  if (!m.beast->is_header_done()) return bad(400, "the request is not valid HTTP/1.1");
  if (m.version != 10 && m.version != 11) return bad(505, "the HTTP version must be 1.0 or 1.1");
  if (m.hosts > 1 || (m.hosts == 0 && m.version == 11)) return bad(400, "exactly one Host header is needed");
  if (m.transfer_encoding && (m.version == 10 || m.content_lengths > 0)) {
    return bad(400, "Transfer-Encoding with HTTP/1.0 or with Content-Length");
  }
  m.in_body = true;
  m.content_length = 0;
  if (!m.transfer_encoding && m.content_lengths > 0) {
    const std::uint64_t length = m.beast->content_length().value_or(0);
    if (length > max_body_bytes_) return bad(413, "the body is larger than this server accepts");
    m.content_length = static_cast<std::size_t>(length);
  }
  keep_alive_ = m.beast->keep_alive();
  header_bytes_ = end + 4;
  return State::kRequest;
}

HttpParser::State HttpParser::parse_body(char* data, std::size_t& size) {
  Machine& m = *machine_;
  const auto need_more = [&] {
    if (!m.expects_continue || continue_sent_ || m.version == 10) return State::kNeedBody;
    continue_sent_ = true;
    return size > header_bytes_ ? State::kNeedBody : State::kWantContinue;
  };

  if (!m.transfer_encoding) {
    request_bytes_ = header_bytes_ + m.content_length;
    if (size < request_bytes_) return need_more();
    set_views(data);
    request_.body_ = {data + header_bytes_, m.content_length};
    return State::kRequest;
  }

  m.beast->eager(true);
  if (size > header_bytes_) {
    error_code ec;
    const std::size_t used =
        m.beast->put(boost::asio::const_buffer(data + header_bytes_, size - header_bytes_), ec);
    std::memmove(data + header_bytes_, data + header_bytes_ + used, size - header_bytes_ - used);
    size -= used;
    if (ec && ec != http::error::need_more) return bad(400, "the chunked body is malformed");
  }
  if (m.chunked_body.size() > max_body_bytes_) {
    return bad(413, "the body is larger than this server accepts");
  }
  if (!m.beast->is_done()) {
    if (size - header_bytes_ > kMaxChunkFramingBytes) {
      return bad(400, "a chunk header or trailer is longer than 16 KiB");
    }
    return need_more();
  }
  request_bytes_ = header_bytes_;
  set_views(data);
  request_.body_ = m.chunked_body;
  return State::kRequest;
}

void HttpParser::set_views(const char* data) {
  const Machine& m = *machine_;
  const auto view = [&](Slice s) { return std::string_view(data + s.offset, s.size); };
  request_.method_ = m.method;
  request_.method_text_ = view(m.method_text);
  std::string_view target = view(m.target);
  // RFC 9112 3.2.2: a server accepts the absolute form too.
  if (!target.starts_with('/')) {
    if (const auto scheme = target.find("://"); scheme != std::string_view::npos) {
      const auto slash = target.find_first_of("/?", scheme + 3);
      target = slash == std::string_view::npos || target[slash] == '?' ? std::string_view("/")
                                                                       : target.substr(slash);
    }
  }
  request_.target_ = target;
  request_.headers_.clear();
  for (const auto& [name, value] : m.headers) request_.headers_.push_back({view(name), view(value)});
}

}  // namespace berth::net
