// HttpParser: bytes of a connection -> requests. Internal to the net room.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "net/http_message.h"

namespace berth::net {

// Parses one request at a time out of a buffer the connection owns. Header and body views point
// into that buffer (a chunked body: into the parser), so the buffer may move only between parse()
// calls that asked for more. One thread at a time.
class HttpParser {
 public:
  explicit HttpParser(std::size_t max_body_bytes);
  ~HttpParser();
  HttpParser(const HttpParser&) = delete;
  HttpParser& operator=(const HttpParser&) = delete;

  enum class State {
    kNeedHeader,    // more bytes needed; the header is not complete
    kNeedBody,      // header complete, body not
    kWantContinue,  // as kNeedBody, once, when the client waits for "100 Continue"
    kRequest,       // request() is complete
    kBad,           // error_status() and error_message(); the connection must be closed
  };

  // `data`, `size`: the unparsed bytes from the request's first on. De-chunking removes framing from
  // the buffer, so size may shrink. After kRequest the first request_bytes() belong to the request.
  State parse(char* data, std::size_t& size);
  // Forgets the request; the next parse() begins another one.
  void next();

  [[nodiscard]] const HttpRequest& request() const { return request_; }
  [[nodiscard]] std::size_t request_bytes() const { return request_bytes_; }
  // After kRequest: what the client's version and Connection header allow.
  [[nodiscard]] bool keep_alive() const { return keep_alive_; }
  [[nodiscard]] int error_status() const { return error_status_; }
  [[nodiscard]] std::string_view error_message() const { return error_message_; }

 private:
  class Machine;  // Beast

  State bad(int status, std::string_view message);
  State parse_header(char* data, std::size_t size);
  State parse_body(char* data, std::size_t& size);
  void set_views(const char* data);

  const std::size_t max_body_bytes_;
  std::unique_ptr<Machine> machine_;
  HttpRequest request_;
  std::size_t searched_ = 0;      // bytes known not to end the header
  std::size_t header_bytes_ = 0;  // 0 until the header is complete
  std::size_t request_bytes_ = 0;
  bool keep_alive_ = false;
  bool continue_sent_ = false;
  int error_status_ = 0;
  std::string_view error_message_;
};

}  // namespace berth::net
