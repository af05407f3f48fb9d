// RedisConnection: one connection to a Redis server, made when it is needed and again after it was lost.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "net/address.h"

struct redisReply;

namespace berth::keyvalue {

// Plain value.
struct RedisOptions {
  std::string host;  // a name or an address
  std::uint16_t port = 6379;
  int database = 0;
  std::string prefix;                   // of the bucket's keys
  std::string user;                     // with a password, for servers with several users
  std::filesystem::path password_file;  // empty: no login; read anew for each connection
  // Which addresses may be dialled, whatever the name leads to.
  net::AddressPolicy addresses;
};

struct ReplyDeleter {
  void operator()(redisReply* reply) const;
};
using Reply = std::unique_ptr<redisReply, ReplyDeleter>;

using Command = std::vector<std::string>;

// Everything blocks, for at most a few times kRedisWait. One thread at a time.
class RedisConnection final {
 public:
  explicit RedisConnection(RedisOptions options);
  ~RedisConnection();

  // Sends all commands, then reads their answers, in order. An error answer is a Reply like any other.
  // Where the connection fails, each command without an answer has kUnavailable if nothing was sent, and
  // kAborted if it may have been done.
  [[nodiscard]] std::vector<Result<Reply>> call(std::span<const Command* const> commands);

 private:
  class Line;  // hiredis's

  [[nodiscard]] Result<void> connect();
  [[nodiscard]] Result<std::unique_ptr<Line>> dial() const;
  [[nodiscard]] Result<void> log_in(Line& line) const;

  RedisOptions options_;
  std::unique_ptr<Line> line_;
  Error last_failure_{Code::kUnavailable, ""};
  std::chrono::steady_clock::time_point pause_until_{};
};

}  // namespace berth::keyvalue
