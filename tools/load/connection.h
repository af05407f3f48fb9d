// Connection: one keep-alive connection to the state API that knows what every answer must be.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tools/load/latencies.h"

namespace load {

using Clock = std::chrono::steady_clock;

enum class Mix : std::uint8_t { kBoth, kGet, kSet };

// Plain value.
struct Plan {
  std::string host;
  std::uint16_t port = 0;
  std::string store;
  Mix mix = Mix::kBoth;
  std::size_t keys = 16;  // of each connection
  std::size_t value_bytes = 64;
};

// Plain value.
struct Counts {
  std::uint64_t calls = 0;
  std::uint64_t gets = 0;
  std::uint64_t sets = 0;
  std::uint64_t failed = 0;
  std::uint64_t lost = 0;
  std::uint64_t out_of_order = 0;
  std::string first_error;
  Latencies latencies;
};

// Non-blocking; driven by epoll. One thread at a time.
class Connection {
 public:
  Connection(const Plan& plan, std::size_t number, Counts& counts);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Connects, blocking. False, with the reason counted as a failure, when nobody answers.
  bool open();
  [[nodiscard]] int descriptor() const { return fd_; }

  // Sends the next request; every key is written before it is read.
  void begin();
  // Reads every key once: the last requests of a run.
  void begin_final_check();
  // After the descriptor became readable. True when an answer was complete; false while it is not.
  // A broken connection is counted, and opened again.
  bool receive();
  // No request is under way and the final check, if begun, is over.
  [[nodiscard]] bool checked_all() const { return final_ && next_check_ == keys_.size(); }

 private:
  struct Key {
    std::string name;
    std::uint64_t acknowledged = 0;  // number of the last acknowledged write; 0: none
    bool certain = true;             // false after a write whose answer was lost
  };
  void send_get(std::size_t key);
  void send_set(std::size_t key);
  void send();
  void failed(const std::string& why);
  void judge(int status, std::string_view body);
  void judge_value(Key& key, std::string_view body);
  [[nodiscard]] std::string value(const Key& key, std::uint64_t number) const;

  const Plan& plan_;
  Counts& counts_;
  int fd_ = -1;
  std::vector<Key> keys_;
  std::minstd_rand random_;
  std::string out_;
  std::string in_;
  std::size_t key_ = 0;        // of the request under way
  std::uint64_t writing_ = 0;  // number of the write under way; 0: a read
  std::uint64_t last_number_ = 0;
  std::size_t next_unwritten_ = 0;
  bool final_ = false;
  std::size_t next_check_ = 0;
  Clock::time_point begun_;
};

}  // namespace load
