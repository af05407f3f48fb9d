// HttpConnection: read, parse, handle, write, in turns.
#include "net/http_connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <cstring>
#include <limits>

namespace berth::net::detail {

namespace {
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
// Room a read should find, so that one system call takes a whole usual request.
constexpr std::size_t kMinRead = 2 * 1024;

std::int64_t steady_now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }
}  // namespace

HttpConnection::HttpConnection(std::shared_ptr<HttpServerState> server, Socket socket)
    : server_(std::move(server)),
      socket_(std::move(socket)),
      in_(kReadBufferBytes),
      parser_(server_->options.max_body_bytes),
      deadline_(kNever) {}

HttpConnection::~HttpConnection() { close(); }

void HttpConnection::start() {
  listed_ = server_->add(*this, position_);
  if (!listed_) return;
  enter(Phase::kIdle, server_->options.idle_timeout);
  run();
}

void HttpConnection::start_refused() {
  listed_ = server_->add(*this, position_);
  if (!listed_) return;
  keep_alive_ = false;
  append_error(503, "this server serves as many connections as it may; try again later");
  run();
}

void HttpConnection::enter(Phase phase, std::chrono::milliseconds timeout) {
  deadline_.store(steady_now() + std::chrono::nanoseconds(timeout).count(), std::memory_order_relaxed);
  phase_.store(phase);  // sequentially consistent: pairs with `stopping` and `cut`
}

void HttpConnection::run() {
  for (;;) {
    if (closing_) {
      if (flush()) linger();
      return;
    }
    std::size_t size = end_ - begin_;
    const auto state = parser_.parse(in_.data() + begin_, size);
    end_ = begin_ + size;
    switch (state) {
      case HttpParser::State::kWantContinue: out_.append("HTTP/1.1 100 Continue\r\n\r\n"); [[fallthrough]];
      case HttpParser::State::kNeedHeader:
      case HttpParser::State::kNeedBody: {
        if (!flush()) return;
        const Phase phase = phase_.load(std::memory_order_relaxed);
        if (state != HttpParser::State::kNeedHeader) {
          if (phase != Phase::kBody) enter(Phase::kBody, server_->options.body_timeout);
        } else if (begin_ != end_) {
          if (phase != Phase::kHeader) enter(Phase::kHeader, server_->options.header_timeout);
        } else {
          if (phase != Phase::kIdle) enter(Phase::kIdle, server_->options.idle_timeout);
          if (server_->stopping.load()) {
            close();
            return;
          }
        }
        read();
        return;
      }
      case HttpParser::State::kBad:
        server_->malformed.fetch_add(1, std::memory_order_relaxed);
        append_error(parser_.error_status(), parser_.error_message());
        continue;
      case HttpParser::State::kRequest:
        if (out_.size() > kFlushBytes && !flush()) return;
        if (!handle_request()) return;
    }
  }
}

bool HttpConnection::handle_request() {
  phase_.store(Phase::kHandler);
  deadline_.store(kNever, std::memory_order_relaxed);
  if (server_->cut.load()) {
    close();
    return false;
  }
  keep_alive_ = parser_.keep_alive();
  head_ = parser_.request().method() == HttpMethod::kHead;
  outstanding_.store(2, std::memory_order_relaxed);
  handler_thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  server_->handler.handle(parser_.request(), HttpReply(shared_from_this()));
  handler_thread_.store({}, std::memory_order_relaxed);

  if (outstanding_.load(std::memory_order_acquire) != 1) {
    // The reply comes later. Answers of earlier pipelined requests must not wait for it.
    phase_.store(Phase::kWaiting);
    if (!out_.empty()) {
      write_while_waiting();
      return false;
    }
  }
  if (outstanding_.fetch_sub(1, std::memory_order_acq_rel) != 1) return false;
  finish_request();
  return true;
}

void HttpConnection::write_while_waiting() {
  enter(Phase::kWaitingWrite, server_->options.write_timeout);
  boost::asio::async_write(socket_, boost::asio::buffer(out_),
                           [self = shared_from_this()](boost::system::error_code, std::size_t) {
                             self->out_.clear();  // a write error shows again at the next write
                             self->deadline_.store(kNever, std::memory_order_relaxed);
                             self->phase_.store(Phase::kWaiting);
                             if (self->outstanding_.fetch_sub(1, std::memory_order_acq_rel) == 1)
                               self->resume();
                           });
}

void HttpConnection::reply(const HttpResponseView& response) {
  if (server_->stopping.load(std::memory_order_relaxed)) keep_alive_ = false;
  const bool inside = handler_thread_.load(std::memory_order_relaxed) == std::this_thread::get_id();
  append(response, inside ? out_ : late_);
  // The last one continues; inside the handler that is always handle_request.
  if (outstanding_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    boost::asio::dispatch(server_->io, [self = shared_from_this()] { self->resume(); });
  }
}

void HttpConnection::resume() {
  finish_request();
  if (begin_ == end_ || closing_) {
    run();  // writes, then reads or closes: does not call the handler
    return;
  }
  // The next request is here already. Its handler must not run inside whatever sent this reply.
  if (flush()) boost::asio::post(server_->io, [self = shared_from_this()] { self->run(); });
}

void HttpConnection::finish_request() {
  if (!late_.empty()) {
    if (out_.empty()) {
      out_.swap(late_);
    } else {
      out_.append(late_);
    }
    late_.clear();
  }
  if (!keep_alive_) closing_ = true;
  begin_ += parser_.request_bytes();
  if (begin_ == end_) begin_ = end_ = 0;
  parser_.next();
}

void HttpConnection::make_room() {
  if (begin_ > 0) {
    std::memmove(in_.data(), in_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == 0 && in_.size() > kReadBufferBytes) {
    in_ = std::vector<char>(kReadBufferBytes);  // a large request's buffer does not stay
  } else if (in_.size() - end_ < kMinRead) {
    in_.resize(in_.size() * 2);  // bounded: the parser refuses what is over its limits
  }
}

void HttpConnection::read() {
  make_room();
  socket_.async_read_some(boost::asio::buffer(in_.data() + end_, in_.size() - end_),
                          [self = shared_from_this()](const boost::system::error_code& error, std::size_t n) {
                            self->on_read(error, n);
                          });
}

void HttpConnection::on_read(const boost::system::error_code& error, std::size_t n) {
  if (phase_.load(std::memory_order_relaxed) == Phase::kLinger) {
    if (error || expired_.load()) {
      close();
    } else {
      linger();
    }
    return;
  }
  end_ += n;
  if (expired_.load()) {
    if (begin_ != end_) append_error(408, "the request did not arrive in time");
    closing_ = true;
  } else if (error) {
    close();  // the client is gone, or done
    return;
  }
  run();
}

bool HttpConnection::flush() {
  if (out_.empty()) return true;
  boost::system::error_code error;
  const std::size_t n = socket_.write_some(boost::asio::buffer(out_), error);
  if (error && error != boost::asio::error::would_block) {
    close();
    return false;
  }
  const std::size_t sent = error ? 0 : n;
  if (sent == out_.size()) {
    out_.clear();
    if (out_.capacity() > 2 * kFlushBytes) out_ = {};  // a large answer's buffer does not stay
    return true;
  }
  write_rest(sent);
  return false;
}

void HttpConnection::write_rest(std::size_t from) {
  enter(Phase::kWriting, server_->options.write_timeout);
  boost::asio::async_write(socket_, boost::asio::buffer(out_.data() + from, out_.size() - from),
                           [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
                             self->out_.clear();
                             if (error) {
                               self->close();
                             } else {
                               self->run();
                             }
                           });
}

void HttpConnection::linger() {
  if (phase_.load(std::memory_order_relaxed) != Phase::kLinger) {
    boost::system::error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
    enter(Phase::kLinger, kLingerTimeout);
    if (server_->cut.load()) {
      close();
      return;
    }
  }
  begin_ = end_ = 0;
  read();
}

void HttpConnection::close() {
  if (!listed_) return;
  listed_ = false;
  // Out of the list first: afterwards nobody else touches the descriptor.
  server_->remove(position_);
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void HttpConnection::append_error(int status, std::string_view message) {
  keep_alive_ = false;
  head_ = false;
  closing_ = true;
  std::string body(message);
  body.push_back('\n');
  append({.status = status, .content_type = "text/plain; charset=utf-8", .body = body}, out_);
}

void HttpConnection::append(const HttpResponseView& response, std::string& out) {
  const auto keep_alive = keep_alive_ ? KeepAlive::kYes : KeepAlive::kNo;
  const auto send_body = head_ ? SendBody::kNo : SendBody::kYes;
  if (append_response(out, response, date(), keep_alive, send_body)) return;
  (void)append_response(out,
                        {.status = 500,
                         .content_type = "text/plain; charset=utf-8",
                         .body = "the answer had a header or status that HTTP does not allow\n"},
                        date(), keep_alive, send_body);
}

std::string_view HttpConnection::date() {
  const std::int64_t second = server_->unix_seconds.load(std::memory_order_relaxed);
  if (second != date_second_) {
    date_second_ = second;
    format_http_date(second, date_);
  }
  return {date_, 29};
}

void HttpConnection::expire(std::int64_t now) {
  std::int64_t deadline = deadline_.load(std::memory_order_relaxed);
  if (deadline > now || !deadline_.compare_exchange_strong(deadline, kNever)) return;
  const Phase phase = phase_.load();
  if (phase == Phase::kHandler || phase == Phase::kWaiting) return;
  if (phase != Phase::kLinger) server_->timed_out.fetch_add(1, std::memory_order_relaxed);
  expired_.store(true);
  // The socket's owner may be inside an operation on it: shutdown() is what another thread may call,
  // and it ends that operation. While a request is read the answer (408) can still be written.
  const bool reading = phase == Phase::kIdle || phase == Phase::kHeader || phase == Phase::kBody;
  ::shutdown(socket_.native_handle(), reading ? SHUT_RD : SHUT_RDWR);
}

void HttpConnection::close_if_idle() {
  if (phase_.load() == Phase::kIdle) ::shutdown(socket_.native_handle(), SHUT_RD);
}

void HttpConnection::cut() { ::shutdown(socket_.native_handle(), SHUT_RDWR); }

bool HttpConnection::may_call_handler() const {
  const Phase phase = phase_.load();
  return phase != Phase::kWaiting && phase != Phase::kWaitingWrite;  // these check `cut` before they go on
}

}  // namespace berth::net::detail
