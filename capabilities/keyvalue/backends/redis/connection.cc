// RedisConnection: addresses, login, pipelining.
#include "capabilities/keyvalue/backends/redis/connection.h"

#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cstring>
#include <fstream>

#include "base/secret.h"
#include "capabilities/keyvalue/limits.h"

namespace berth::keyvalue {
namespace {

timeval time_of(std::chrono::milliseconds wait) {
  return {.tv_sec = wait.count() / 1000, .tv_usec = (wait.count() % 1000) * 1000};
}

Result<Secret> read_password(const std::filesystem::path& file) {
  std::string text(kMaxPasswordBytes + 1, '\0');
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail(Code::kUnavailable, fmt::format("the password file {} cannot be read", file.string()));
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty() || text.size() > kMaxPasswordBytes)
    return fail(Code::kUnavailable, fmt::format("the password file {} must hold 1 to {} bytes", file.string(),
                                                kMaxPasswordBytes));
  return Secret(std::move(text));
}

net::IpAddress address_of(const sockaddr& address) {
  if (address.sa_family == AF_INET6) {
    const auto& in = reinterpret_cast<const sockaddr_in6&>(address);
    return net::IpAddress::v6(std::span(in.sin6_addr.s6_addr));
  }
  const auto& in = reinterpret_cast<const sockaddr_in&>(address);
  return net::IpAddress::v4(
      std::span<const std::uint8_t, 4>(reinterpret_cast<const std::uint8_t*>(&in.sin_addr), 4));
}

}  // namespace

void ReplyDeleter::operator()(redisReply* reply) const { freeReplyObject(reply); }

// An open connection. One thread at a time.
class RedisConnection::Line final {
 public:
  // `address`: written out.
  [[nodiscard]] static Result<std::unique_ptr<Line>> open(const std::string& address, std::uint16_t port) {
    std::unique_ptr<Line> line(new Line(redisConnectWithTimeout(address.c_str(), port, time_of(kRedisWait))));
    if (line->raw_ == nullptr) return fail(Code::kUnavailable, "no memory");
    if (line->raw_->err != 0 || redisSetTimeout(line->raw_, time_of(kRedisWait)) != REDIS_OK ||
        redisEnableKeepAlive(line->raw_) != REDIS_OK)
      return fail(Code::kUnavailable, line->raw_->errstr);
    return line;
  }
  ~Line() { redisFree(raw_); }

  // Sent with the next read().
  void append(const Command& command) {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const std::string& part : command) {
      texts.push_back(part.data());
      sizes.push_back(part.size());
    }
    (void)redisAppendCommandArgv(raw_, static_cast<int>(command.size()), texts.data(), sizes.data());
  }
  [[nodiscard]] Result<Reply> read() {
    void* raw = nullptr;
    if (redisGetReply(raw_, &raw) != REDIS_OK || raw == nullptr)
      return fail(Code::kAborted,
                  fmt::format("Redis: the connection was lost ({}): a write may have happened, or not",
                              raw_->errstr));
    return Reply(static_cast<redisReply*>(raw));
  }
  [[nodiscard]] Result<void> expect_ok(const Command& command, std::string_view doing) {
    append(command);
    const Reply reply = BERTH_TRY(read());
    if (reply->type == REDIS_REPLY_ERROR)
      return fail(Code::kUnavailable,
                  fmt::format("Redis: {}: {}", doing, std::string_view(reply->str, reply->len)));
    return {};
  }
  // True when the server closed it, or sent what nobody asked for.
  [[nodiscard]] bool stale() const {
    pollfd fd{.fd = raw_->fd, .events = POLLIN, .revents = 0};
    return ::poll(&fd, 1, 0) != 0;
  }

 private:
  explicit Line(redisContext* raw) : raw_(raw) {}
  redisContext* raw_;
};

RedisConnection::RedisConnection(RedisOptions options) : options_(std::move(options)) {}
RedisConnection::~RedisConnection() = default;

Result<std::unique_ptr<RedisConnection::Line>> RedisConnection::dial() const {
  const addrinfo hints{.ai_flags = AI_ADDRCONFIG, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(options_.host.c_str(), nullptr, &hints, &found); code != 0)
    return fail(Code::kUnavailable, fmt::format("Redis: {}: {}", options_.host, ::gai_strerror(code)));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
  Error last(Code::kUnavailable, fmt::format("Redis: {} has no address", options_.host));
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    const net::IpAddress address = address_of(*one->ai_addr);
    const std::string text = address.to_string();
    if (!options_.addresses.allows(address, options_.port)) {
      last =
          Error(Code::kUnavailable,
                fmt::format(
                    "Redis: {} leads to {} ({}), where it may not; if it is meant, write the address itself",
                    options_.host, text, net::address_class_name(address.classify())));
      continue;
    }
    auto line = Line::open(text, options_.port);
    if (line) return line;
    last = std::move(line).error().context(fmt::format("Redis: connecting to {}", options_.host));
  }
  return fail(std::move(last));
}

Result<void> RedisConnection::log_in(Line& line) const {
  if (!options_.password_file.empty()) {
    const Secret password = BERTH_TRY(read_password(options_.password_file));
    Command auth{"AUTH"};
    if (!options_.user.empty()) auth.push_back(options_.user);
    auth.push_back(password.reveal());
    auto done = line.expect_ok(auth, "logging in");
    ::explicit_bzero(auth.back().data(), auth.back().size());
    if (!done) return done;
  }
  if (options_.database == 0) return {};
  return line.expect_ok({"SELECT", std::to_string(options_.database)}, "choosing the database");
}

Result<void> RedisConnection::connect() {
  if (line_ != nullptr && !line_->stale()) return {};
  line_.reset();
  if (std::chrono::steady_clock::now() < pause_until_) return fail(last_failure_);
  auto line = dial();
  Result<void> ready = line ? log_in(**line) : fail(line.error());
  if (!ready) {
    // Nothing of a caller's was sent yet.
    last_failure_ = Error(Code::kUnavailable, ready.error().message());
    pause_until_ = std::chrono::steady_clock::now() + kRedisPause;
    return fail(last_failure_);
  }
  line_ = std::move(*line);
  return {};
}

std::vector<Result<Reply>> RedisConnection::call(std::span<const Command* const> commands) {
  std::vector<Result<Reply>> out;
  if (auto ready = connect(); !ready) {
    for (std::size_t i = 0; i < commands.size(); ++i) out.emplace_back(fail(ready.error()));
    return out;
  }
  for (const Command* command : commands) line_->append(*command);
  while (out.size() < commands.size()) {
    out.push_back(line_->read());
    if (out.back()) continue;
    const Error lost = out.back().error();
    while (out.size() < commands.size()) out.emplace_back(fail(lost));
    line_.reset();
  }
  return out;
}

}  // namespace berth::keyvalue
