// HttpServer: listeners, the list of connections, timeouts and the graceful stop.
#include "net/http_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cstring>

#include "net/http_connection.h"
#include "net/io_core.h"

namespace berth::net {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

using namespace std::chrono_literals;

std::int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::chrono::milliseconds sweep_interval(const HttpServerOptions& o) {
  const auto shortest = std::min({o.idle_timeout, o.header_timeout, o.body_timeout, o.write_timeout});
  return std::clamp<std::chrono::milliseconds>(shortest / 4, 5ms, 500ms);
}

// What to do when the system is out of descriptors or memory: try again, but not in a tight loop.
constexpr auto kAcceptRetry = 50ms;

Error listen_error(const error_code& error, const std::string& where) {
  Code code = Code::kUnavailable;
  std::string hint;
  if (error == asio::error::access_denied) {
    code = Code::kPermissionDenied;
    hint = "; ports below 1024 need a privilege: choose a higher one";
  } else if (error == asio::error::address_in_use) {
    code = Code::kAlreadyExists;
    hint = "; another program listens there: stop it or choose another address";
  } else if (error == error_code(EADDRNOTAVAIL, boost::system::system_category())) {
    code = Code::kInvalidArgument;
    hint = "; the address does not belong to this machine";
  }
  return Error(code, "listening on " + where + ": " + error.message() + hint);
}

// A socket file that nobody accepts on is left over from a program that died.
bool is_stale_socket(const std::string& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const bool refused = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
                       errno == ECONNREFUSED;
  ::close(fd);
  return refused;
}

class TaskHandler final : public HttpHandler {
 public:
  explicit TaskHandler(std::function<Task<HttpResponse>(const HttpRequest&)> handle)
      : handle_(std::move(handle)) {}
  void handle(const HttpRequest& request, HttpReply reply) override {
    detach(handle_(request),
           [reply = std::move(reply)](HttpResponse response) mutable { reply.send(response); });
  }

 private:
  const std::function<Task<HttpResponse>(const HttpRequest&)> handle_;
};

class SyncHandler final : public HttpHandler {
 public:
  explicit SyncHandler(std::function<HttpResponse(const HttpRequest&)> handle) : handle_(std::move(handle)) {}
  void handle(const HttpRequest& request, HttpReply reply) override { reply.send(handle_(request)); }

 private:
  const std::function<HttpResponse(const HttpRequest&)> handle_;
};

}  // namespace

std::unique_ptr<HttpHandler> task_handler(std::function<Task<HttpResponse>(const HttpRequest&)> handle) {
  return std::make_unique<TaskHandler>(std::move(handle));
}

std::unique_ptr<HttpHandler> sync_handler(std::function<HttpResponse(const HttpRequest&)> handle) {
  return std::make_unique<SyncHandler>(std::move(handle));
}

// ---- HttpReply --------------------------------------------------------------------------------

HttpReply::HttpReply(std::shared_ptr<detail::HttpConnection> connection)
    : connection_(std::move(connection)) {}
HttpReply::HttpReply(HttpReply&&) noexcept = default;

HttpReply& HttpReply::operator=(HttpReply&& other) noexcept {
  std::swap(connection_, other.connection_);
  return *this;
}

HttpReply::~HttpReply() {
  if (!connection_) return;
  send(HttpResponseView{.status = 500,
                        .content_type = "text/plain; charset=utf-8",
                        .body = "the request was given up without an answer\n"});
}

void HttpReply::send(const HttpResponseView& response) {
  if (!connection_) return;
  // Once the answer is given, another thread may end the connection, the server and the IoContext.
  const detail::Visitor visitor(connection_->core());
  std::exchange(connection_, nullptr)->reply(response);
}

void HttpReply::send(const HttpResponse& response) {
  std::vector<HttpHeader> headers;
  headers.reserve(response.headers.size());
  for (const auto& [name, value] : response.headers) headers.push_back({name, value});
  send(HttpResponseView{.status = response.status,
                        .content_type = response.content_type,
                        .headers = headers,
                        .body = response.body});
}

// ---- HttpServerState --------------------------------------------------------------------------

namespace detail {

HttpServerState::HttpServerState(IoCore& io_core, HttpHandler& http_handler,
                                 const HttpServerOptions& server_options)
    : core(io_core),
      io(io_core.context),
      handler(http_handler),
      options(server_options),
      unix_seconds(unix_now()),
      sweeper_(io),
      sweep_every_(sweep_interval(server_options)) {}

void HttpServerState::accept_on(Acceptor acceptor, std::string unix_path) {
  auto listener =
      std::make_shared<Listener>(Listener{std::move(acceptor), std::move(unix_path), asio::steady_timer(io)});
  {
    std::lock_guard lock(mutex_);
    listeners_.push_back(listener);
    if (listeners_.size() == 1) sweep();
  }
  accept_next(listener);
}

void HttpServerState::accept_next(const std::shared_ptr<Listener>& listener) {
  std::lock_guard lock(mutex_);  // stop() closes the acceptor under it
  if (stopping.load()) return;
  listener->acceptor.async_accept([self = shared_from_this(), listener](const error_code& error,
                                                                        Socket socket) {
    if (self->stopping.load()) return;
    if (!error) self->take(std::move(socket), listener->unix_path.empty());
    const bool out_of_resources = error == asio::error::no_descriptors ||
                                  error == asio::error::no_buffer_space || error == asio::error::no_memory ||
                                  error == error_code(ENFILE, boost::system::system_category());
    if (!out_of_resources) {
      self->accept_next(listener);
      return;
    }
    listener->retry.expires_after(kAcceptRetry);
    listener->retry.async_wait([self, listener](const error_code&) { self->accept_next(listener); });
  });
}

void HttpServerState::take(Socket socket, bool tcp) {
  error_code error;
  socket.non_blocking(true, error);
  if (error) return;
  if (tcp) {
    // Answers are written whole; waiting for more to send only adds latency.
    const int on = 1;
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  accepted.fetch_add(1, std::memory_order_relaxed);
  const std::size_t open = connection_count();
  if (open >= options.max_connections + kMaxRejectedConnections) {
    refused.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  auto connection = std::make_shared<HttpConnection>(shared_from_this(), std::move(socket));
  if (open >= options.max_connections) {
    refused.fetch_add(1, std::memory_order_relaxed);
    connection->start_refused();
  } else {
    connection->start();
  }
}

bool HttpServerState::add(HttpConnection& connection, Position& position) {
  std::lock_guard lock(mutex_);
  if (closed_) return false;
  position = connections_.insert(connections_.end(), &connection);
  ++count_;
  return true;
}

void HttpServerState::remove(Position position) {
  std::lock_guard lock(mutex_);
  connections_.erase(position);
  --count_;
  changed_.notify_all();
}

std::size_t HttpServerState::connection_count() const {
  std::lock_guard lock(mutex_);
  return count_;
}

void HttpServerState::sweep() {
  sweeper_.expires_after(sweep_every_);
  sweeper_.async_wait([weak = weak_from_this()](const error_code& error) {
    const auto self = weak.lock();
    if (error || !self) return;
    self->unix_seconds.store(unix_now(), std::memory_order_relaxed);
    const std::int64_t now = std::chrono::steady_clock::now().time_since_epoch().count();
    std::lock_guard lock(self->mutex_);
    for (HttpConnection* c : self->connections_) c->expire(now);
    if (!self->closed_) self->sweep();
  });
}

std::size_t HttpServerState::stop(std::chrono::milliseconds drain) {
  std::unique_lock lock(mutex_);
  stopping.store(true);
  for (const auto& l : listeners_) {
    error_code ignored;
    l->acceptor.close(ignored);
    if (!l->unix_path.empty()) ::unlink(l->unix_path.c_str());
  }
  listeners_.clear();
  for (HttpConnection* c : connections_) c->close_if_idle();
  // A stopped IoContext ends nothing any more; then there is nothing to wait for either.
  const auto until = std::chrono::steady_clock::now() + drain;
  while (!connections_.empty() && !io.stopped() && std::chrono::steady_clock::now() < until) {
    changed_.wait_for(lock, 20ms);
  }
  closed_ = true;
  cut.store(true);
  const std::size_t left = connections_.size();
  for (HttpConnection* c : connections_) c->cut();
  const auto handler_done = [&] {
    return std::ranges::none_of(connections_, [](auto* c) { return c->may_call_handler(); });
  };
  while (!handler_done() && !io.stopped()) changed_.wait_for(lock, 5ms);
  sweeper_.cancel();
  return left;
}

}  // namespace detail

// ---- HttpServer -------------------------------------------------------------------------------

HttpServer::HttpServer(IoContext& io, HttpHandler& handler, HttpServerOptions options)
    : state_(std::make_shared<detail::HttpServerState>(io.core(), handler, options)) {}

HttpServer::~HttpServer() { stop(0ms); }

Result<std::uint16_t> HttpServer::listen(std::string_view address, std::uint16_t port) {
  const std::string where = std::string(address) + ":" + std::to_string(port);
  if (state_->stopping.load())
    return fail(Code::kFailedPrecondition, "listening on " + where + ": the server stopped");
  error_code error;
  const auto ip = asio::ip::make_address(std::string(address), error);
  if (error) {
    return fail(Code::kInvalidArgument,
                "\"" + std::string(address) +
                    "\" is no address to listen on: write a number such as 127.0.0.1 or ::1");
  }
  const asio::ip::tcp::endpoint endpoint(ip, port);
  detail::Acceptor acceptor(state_->io);
  acceptor.open(detail::Protocol(endpoint.protocol()), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(detail::Protocol::endpoint(endpoint), error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return fail(listen_error(error, where));
  const auto bound = acceptor.local_endpoint(error);
  if (error) return fail(listen_error(error, where));
  asio::ip::tcp::endpoint actual;
  actual.resize(bound.size());
  std::memcpy(actual.data(), bound.data(), bound.size());
  state_->accept_on(std::move(acceptor), {});
  return actual.port();
}

Result<void> HttpServer::listen_unix(const std::string& path, unsigned mode) {
  if (state_->stopping.load())
    return fail(Code::kFailedPrecondition, "listening on " + path + ": the server stopped");
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path)) {
    return fail(Code::kInvalidArgument, "the socket path \"" + path + "\" must have 1 to " +
                                            std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes");
  }
  if (is_stale_socket(path)) ::unlink(path.c_str());
  const asio::local::stream_protocol::endpoint endpoint(path);
  error_code error;
  detail::Acceptor acceptor(state_->io);
  acceptor.open(detail::Protocol(endpoint.protocol()), error);
  if (!error) acceptor.bind(detail::Protocol::endpoint(endpoint), error);
  // Before listen(): until then nobody can connect, whatever the umask made of the file.
  if (!error && ::chmod(path.c_str(), mode) != 0) error.assign(errno, boost::system::system_category());
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return fail(listen_error(error, path));
  state_->accept_on(std::move(acceptor), path);
  return {};
}

std::size_t HttpServer::stop(std::chrono::milliseconds drain) { return state_->stop(drain); }

HttpServerCounts HttpServer::counts() const {
  return {.connections = state_->connection_count(),
          .accepted = state_->accepted.load(std::memory_order_relaxed),
          .refused = state_->refused.load(std::memory_order_relaxed),
          .timed_out = state_->timed_out.load(std::memory_order_relaxed),
          .malformed = state_->malformed.load(std::memory_order_relaxed)};
}

}  // namespace berth::net
