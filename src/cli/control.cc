// The control protocol: server and client.
#include "cli/control.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <list>
#include <mutex>
#include <thread>
#include <utility>

#include "cli/limits.h"

namespace berth::cli {
namespace {

constexpr std::array kCodes = {Code::kInvalidArgument,
                               Code::kNotFound,
                               Code::kAlreadyExists,
                               Code::kPermissionDenied,
                               Code::kFailedPrecondition,
                               Code::kAborted,
                               Code::kBusy,
                               Code::kDeadlineExceeded,
                               Code::kCancelled,
                               Code::kUnavailable,
                               Code::kResourceExhausted,
                               Code::kGuestError,
                               Code::kTrap,
                               Code::kInternal};

Code code_of(std::string_view name) {
  const auto found = std::ranges::find(kCodes, name, code_name);
  return found == kCodes.end() ? Code::kInternal : *found;
}

Json error_json(const Error& error) {
  Json out = {{"code", code_name(error.code())}, {"message", error.message()}};
  if (!error.detail().empty()) out["detail"] = error.detail();
  Json answer = Json::object();
  answer["error"] = std::move(out);
  return answer;
}

std::string text_or_empty(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string to_line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Result<std::string> text_param(const Json& params, const char* name) {
  const auto found = params.is_object() ? params.find(name) : params.end();
  if (found == params.end() || !found->is_string()) {
    return fail(Code::kInvalidArgument, fmt::format("the parameter {} is missing or no text", name));
  }
  return found->get<std::string>();
}

Result<std::uint64_t> number_param(const Json& params, const char* name, std::uint64_t fallback) {
  const auto found = params.is_object() ? params.find(name) : params.end();
  if (found == params.end()) return fallback;
  if (!found->is_number_unsigned())
    return fail(Code::kInvalidArgument, fmt::format("the parameter {} is no count", name));
  return found->get<std::uint64_t>();
}

struct ControlServer::Impl {
  struct Connection {
    std::jthread thread;
    std::atomic<bool> done = false;
  };

  Listener listener;
  int stop_fd = -1;
  std::map<std::string, Handler, std::less<>> handlers;
  std::list<Connection> connections;  // touched by the accepting thread only
  std::jthread accepting;

  ~Impl() {
    if (stop_fd >= 0) {
      const std::uint64_t one = 1;
      (void)!::write(stop_fd, &one, sizeof one);
    }
    if (accepting.joinable()) accepting.join();
    connections.clear();
    release(listener);
    if (stop_fd >= 0) ::close(stop_fd);
  }

  void accept_all() {
    std::array<pollfd, 2> polled = {pollfd{listener.fd, POLLIN, 0}, pollfd{stop_fd, POLLIN, 0}};
    for (;;) {
      if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return;
      if (polled[1].revents != 0) return;
      std::erase_if(connections, [](const Connection& c) { return c.done.load(); });
      const int fd = ::accept4(listener.fd, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) {
        // Out of descriptors: the connection stays in the backlog; do not spin on it.
        if (errno == EMFILE || errno == ENFILE) std::this_thread::sleep_for(std::chrono::milliseconds(100));
        continue;
      }
      LineSocket socket(fd, stop_fd);
      if (connections.size() >= kMaxControlConnections) {
        (void)socket.write_line(
            to_line(error_json({Code::kBusy, fmt::format("{} control connections are open; try again",
                                                         kMaxControlConnections)})),
            std::chrono::seconds(1));
        continue;
      }
      Connection& connection = connections.emplace_back();
      connection.thread = std::jthread([this, &connection, s = std::move(socket)]() mutable {
        serve(s);
        connection.done = true;
      });
    }
  }

  void serve(LineSocket& socket) {
    for (;;) {
      auto line = socket.read_line(kMaxRequestBytes, kControlIdle);
      if (!line && line.error().code() != Code::kResourceExhausted) return;
      std::string answer = to_line(line ? answer_to(*line) : error_json(line.error()));
      if (answer.size() > kMaxResponseBytes) {
        answer = to_line(error_json({Code::kResourceExhausted, "the answer is too large; ask for less"}));
      }
      if (!socket.write_line(std::move(answer), kControlIdle) || !line) return;
    }
  }

  Json answer_to(const std::string& line) {
    const Json request = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    const auto method = request.is_object() ? text_or_empty(request, "method") : std::string();
    if (method.empty()) {
      return error_json(
          {Code::kInvalidArgument, "a request is a line such as {\"method\": \"status\", \"params\": {}}"});
    }
    const auto handler = handlers.find(method);
    if (handler == handlers.end()) {
      return error_json(
          {Code::kNotFound, fmt::format("this host has no method \"{}\"; its version may be older", method)});
    }
    const auto params = request.find("params");
    try {
      auto result = handler->second(params == request.end() ? Json::object() : *params);
      if (!result) return error_json(result.error());
      Json answer = Json::object();
      answer["result"] = std::move(*result);
      return answer;
    } catch (const Json::exception& e) {  // building the answer
      return error_json({Code::kInternal, e.what()});
    }
  }
};

ControlServer::ControlServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ControlServer::~ControlServer() = default;

Result<std::unique_ptr<ControlServer>> ControlServer::start(
    const std::filesystem::path& path, std::map<std::string, Handler, std::less<>> handlers) {
  auto impl = std::make_unique<Impl>();
  impl->listener = BERTH_TRY(listen_at(path));
  impl->stop_fd = ::eventfd(0, EFD_CLOEXEC);
  if (impl->stop_fd < 0) return fail(Code::kInternal, "eventfd failed");
  impl->handlers = std::move(handlers);
  impl->accepting = std::jthread([i = impl.get()] { i->accept_all(); });
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(impl)));
}

Result<ControlClient> ControlClient::connect(const std::filesystem::path& path) {
  return ControlClient(BERTH_TRY(connect_to(path)));
}

Result<Json> ControlClient::call(std::string_view method, Json params) {
  const auto sent =
      socket_.write_line(to_line({{"method", method}, {"params", std::move(params)}}), kControlAnswer);
  // A host that is busy says so and closes before it reads.
  if (!sent && sent.error().code() != Code::kUnavailable) return fail(sent.error());
  const std::string line = BERTH_TRY(socket_.read_line(kMaxResponseBytes, kControlAnswer));
  Json answer = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!answer.is_object()) return fail(Code::kInternal, "the host's answer is no JSON object");
  if (const auto error = answer.find("error"); error != answer.end() && error->is_object()) {
    return fail(Error(code_of(text_or_empty(*error, "code")), text_or_empty(*error, "message"))
                    .with_detail(text_or_empty(*error, "detail")));
  }
  const auto result = answer.find("result");
  if (result == answer.end()) return fail(Code::kInternal, "the host's answer has no result");
  return std::move(*result);
}

}  // namespace berth::cli
