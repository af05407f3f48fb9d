// Redis for tests: a real server on this machine, without a disk.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/raw_client.h"
#include "net/scripted_server.h"

namespace berth::keyvalue {

// Runs until its end, or stop(). One thread at a time.
class TestRedis {
 public:
  // `more`: further settings, as arguments of redis-server.
  explicit TestRedis(std::vector<std::string> more = {}) : more_(std::move(more)) {
    // One that was free a moment ago is.
    port_ = net::ScriptedServer([](net::ScriptedConnection&) {}).port();
    start();
  }
  ~TestRedis() { stop(); }
  TestRedis(const TestRedis&) = delete;
  TestRedis& operator=(const TestRedis&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] pid_t process() const { return process_; }

  // Empty, on the same port.
  void start() {
    std::vector<std::string> args = {
        "redis-server", "--bind", "127.0.0.1",         "--port", std::to_string(port_),
        "--save",       "",       "--appendonly",      "no",     "--logfile",
        "/dev/null",    "--dir",  ::testing::TempDir()};
    args.insert(args.end(), more_.begin(), more_.end());
    std::vector<char*> pointers;
    for (std::string& arg : args) pointers.push_back(arg.data());
    pointers.push_back(nullptr);
    if (::posix_spawnp(&process_, "redis-server", nullptr, nullptr, pointers.data(), environ) != 0) {
      ADD_FAILURE() << "redis-server is missing: install Debian's redis-server (./dev setup)";
      process_ = 0;
      return;
    }
    for (int i = 0; i < 1000; ++i) {
      if (net::RawClient(port_).connected()) return;
      ::usleep(10'000);
    }
    ADD_FAILURE() << "redis-server does not listen";
  }
  void stop() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
  }

 private:
  std::vector<std::string> more_;
  std::uint16_t port_ = 0;
  pid_t process_ = 0;
};

}  // namespace berth::keyvalue
