// Connection: writing requests, reading answers, judging them.
#include "tools/load/connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace load {

Connection::Connection(const Plan& plan, std::size_t number, Counts& counts)
    : plan_(plan), counts_(counts), random_(static_cast<unsigned>(number + 1)) {
  for (std::size_t i = 0; i < plan.keys; ++i) keys_.push_back({fmt::format("load-{}-{}", number, i)});
}

Connection::~Connection() {
  if (fd_ >= 0) ::close(fd_);
}

bool Connection::open() {
  if (fd_ >= 0) ::close(fd_);
  in_.clear();
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(plan_.port);
  if (::inet_pton(AF_INET, plan_.host.c_str(), &to.sin_addr) != 1 ||
      ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
    failed(fmt::format("connecting to {}:{}: {}", plan_.host, plan_.port, std::strerror(errno)));
    return false;
  }
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::fcntl(fd_, F_SETFL, O_NONBLOCK);
  return true;
}

void Connection::failed(const std::string& why) {
  ++counts_.failed;
  if (counts_.first_error.empty()) counts_.first_error = why;
}

std::string Connection::value(const Key& key, std::uint64_t number) const {
  std::string text = fmt::format("\"{}:{}:", key.name, number);
  if (text.size() + 1 < plan_.value_bytes) text.append(plan_.value_bytes - text.size() - 1, 'v');
  return text + '"';
}

void Connection::begin() {
  if (next_unwritten_ < keys_.size()) {
    send_set(next_unwritten_++);
    return;
  }
  const std::size_t key = random_() % keys_.size();
  if (plan_.mix == Mix::kSet || (plan_.mix == Mix::kBoth && random_() % 2 == 0)) {
    send_set(key);
  } else {
    send_get(key);
  }
}

void Connection::begin_final_check() {
  final_ = true;
  if (next_check_ < keys_.size()) send_get(next_check_++);
}

void Connection::send_get(std::size_t key) {
  key_ = key;
  writing_ = 0;
  out_.clear();
  fmt::format_to(std::back_inserter(out_), "GET /v1.0/state/{}/{} HTTP/1.1\r\nHost: {}:{}\r\n\r\n",
                 plan_.store, keys_[key].name, plan_.host, plan_.port);
  send();
}

void Connection::send_set(std::size_t key) {
  key_ = key;
  writing_ = ++last_number_;
  const std::string body =
      fmt::format(R"([{{"key":"{}","value":{}}}])", keys_[key].name, value(keys_[key], writing_));
  out_.clear();
  fmt::format_to(std::back_inserter(out_),
                 "POST /v1.0/state/{} HTTP/1.1\r\nHost: {}:{}\r\nContent-Type: application/json\r\n"
                 "Content-Length: {}\r\n\r\n{}",
                 plan_.store, plan_.host, plan_.port, body.size(), body);
  send();
}

void Connection::send() {
  begun_ = Clock::now();
  std::string_view rest = out_;
  while (!rest.empty()) {
    const auto n = ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (n > 0) {
      rest.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      // A request is far smaller than a socket's buffer, which is empty between calls: this is rare.
      ::usleep(100);
    } else {
      return;  // receive() finds the connection broken
    }
  }
}

bool Connection::receive() {
  char buffer[64 * 1024];
  for (;;) {
    const auto n = ::recv(fd_, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EAGAIN) return false;
    if (n <= 0) {
      ++counts_.calls;
      failed(n == 0 ? "the server closed the connection" : std::string("receiving: ") + std::strerror(errno));
      if (writing_ != 0) keys_[key_].certain = false;
      open();
      return true;
    }
    in_.append(buffer, static_cast<std::size_t>(n));
    const auto end = in_.find("\r\n\r\n");
    if (end == std::string::npos) continue;
    std::size_t length = 0;
    if (const auto at = in_.find("Content-Length: "); at < end) {
      std::from_chars(in_.data() + at + 16, in_.data() + end, length);
    }
    if (in_.size() < end + 4 + length) continue;
    counts_.latencies.add(Clock::now() - begun_);
    ++counts_.calls;
    ++(writing_ != 0 ? counts_.sets : counts_.gets);
    int status = 0;
    if (in_.size() > 12) std::from_chars(in_.data() + 9, in_.data() + 12, status);
    judge(status, std::string_view(in_).substr(end + 4, length));
    in_.erase(0, end + 4 + length);
    return true;
  }
}

void Connection::judge(int status, std::string_view body) {
  Key& key = keys_[key_];
  if (status != 200 && status != 204) {
    failed(fmt::format("{} {}: status {}: {}", writing_ != 0 ? "SET" : "GET", key.name, status, body));
    // An answer that is no success may still have come after the write.
    if (writing_ != 0) key.certain = false;
    return;
  }
  if (writing_ != 0) {
    key.acknowledged = writing_;
    key.certain = true;
  } else {
    judge_value(key, body);
  }
}

void Connection::judge_value(Key& key, std::string_view body) {
  if (!key.certain || body == (key.acknowledged == 0 ? std::string() : value(key, key.acknowledged))) return;
  const auto colon = body.find(':');
  std::uint64_t number = 0;
  if (colon != std::string_view::npos) {
    std::from_chars(body.data() + colon + 1, body.data() + body.size(), number);
  }
  const bool older = number < key.acknowledged;
  ++(older ? counts_.lost : counts_.out_of_order);
  if (counts_.first_error.empty()) {
    counts_.first_error = fmt::format("GET {}: expected write {}, found \"{}\"", key.name, key.acknowledged,
                                      body.substr(0, 100));
  }
}

}  // namespace load
