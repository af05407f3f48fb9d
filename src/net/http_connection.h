// One HTTP connection and what it shares with its server. Internal to the net room.
#pragma once

#include <atomic>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/http_parser.h"
#include "net/http_server.h"
#include "net/io_core.h"

namespace berth::net::detail {

using Protocol = boost::asio::generic::stream_protocol;
using Socket = Protocol::socket;
using Acceptor = boost::asio::basic_socket_acceptor<Protocol>;

// What the server and its connections share; it outlives the server while a reply is out.
// Thread-safe.
class HttpServerState final : public std::enable_shared_from_this<HttpServerState> {
 public:
  HttpServerState(IoCore& core, HttpHandler& handler, const HttpServerOptions& options);

  void accept_on(Acceptor acceptor, std::string unix_path);
  std::size_t stop(std::chrono::milliseconds drain);

  struct Listener {
    Acceptor acceptor;
    std::string unix_path;  // empty for TCP
    boost::asio::steady_timer retry;
  };

  IoCore& core;
  boost::asio::io_context& io;  // the core's
  HttpHandler& handler;
  const HttpServerOptions options;

  std::atomic<bool> stopping{false};  // no further request is begun on a connection
  std::atomic<bool> cut{false};       // the handler may not be called any more
  std::atomic<std::int64_t> unix_seconds{0};
  std::atomic<std::uint64_t> accepted{0}, refused{0}, timed_out{0}, malformed{0};

  using Position = std::list<HttpConnection*>::iterator;
  // False when the server has stopped.
  bool add(HttpConnection& connection, Position& position);
  void remove(Position position);
  [[nodiscard]] std::size_t connection_count() const;

 private:
  void accept_next(const std::shared_ptr<Listener>& listener);
  void take(Socket socket, bool tcp);
  void sweep();

  boost::asio::steady_timer sweeper_;
  const std::chrono::milliseconds sweep_every_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::list<std::shared_ptr<Listener>> listeners_;  // guarded by mutex_
  std::list<HttpConnection*> connections_;          // guarded by mutex_
  std::size_t count_ = 0;                           // guarded by mutex_
  bool closed_ = false;                             // guarded by mutex_
};

// A state machine with at most one socket operation or one handler call under way, so it needs no
// strand: whoever ends the one thing continues with the next.
class HttpConnection final : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(std::shared_ptr<HttpServerState> server, Socket socket);
  ~HttpConnection();

  void start();
  // Answers 503 and closes.
  void start_refused();
  // By HttpReply, once per request.
  void reply(const HttpResponseView& response);
  [[nodiscard]] IoCore& core() const { return server_->core; }

  // By the server, under its mutex, while the connection is in its list (so the socket is open).
  void expire(std::int64_t now);
  void close_if_idle();
  void cut();
  // True while the handler may still be entered or is running.
  [[nodiscard]] bool may_call_handler() const;

 private:
  enum class Phase : std::uint8_t {
    kIdle,
    kHeader,
    kBody,
    kHandler,
    kWaiting,
    kWaitingWrite,
    kWriting,
    kLinger
  };

  void run();
  void read();
  void on_read(const boost::system::error_code& error, std::size_t n);
  // True when the next request may be parsed now; false when something else continues.
  bool handle_request();
  void finish_request();
  void write_while_waiting();
  void resume();
  // Writes what is in out_. True when all is written; false when run() or close() follows later.
  bool flush();
  void write_rest(std::size_t from);
  void linger();
  void close();
  void append_error(int status, std::string_view message);
  void append(const HttpResponseView& response, std::string& out);
  void enter(Phase phase, std::chrono::milliseconds timeout);
  void make_room();
  std::string_view date();

  const std::shared_ptr<HttpServerState> server_;
  Socket socket_;
  HttpServerState::Position position_;
  bool listed_ = false;

  std::vector<char> in_;  // bytes [begin_, end_) are unparsed
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  HttpParser parser_;
  std::string out_;
  bool closing_ = false;     // close once out_ is written
  bool keep_alive_ = false;  // of the request being handled
  bool head_ = false;        // the request being handled is HEAD
  std::int64_t date_second_ = -1;
  char date_[30] = {};

  // A request is over when the handler returned, earlier answers were written, and the reply came.
  std::atomic<int> outstanding_{0};
  std::atomic<std::thread::id> handler_thread_{};  // set while the handler runs
  std::string late_;                               // the answer when it did not come inside the handler

  std::atomic<Phase> phase_{Phase::kIdle};
  std::atomic<std::int64_t> deadline_;
  std::atomic<bool> expired_{false};
};

}  // namespace berth::net::detail
