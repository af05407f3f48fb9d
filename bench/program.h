// Program: another program that runs beside a benchmark.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace berth::bench {

// Killed at the end. One thread at a time.
class Program final {
 public:
  // `command` begins with the program's path; `environment` is "NAME=value" beside our own. What it prints
  // goes to the file `log`. A benchmark cannot go on without it: a failure ends ours.
  Program(std::vector<std::string> command, std::vector<std::string> environment, std::filesystem::path log)
      : log_(std::move(log)) {
    for (char** one = environ; *one != nullptr; ++one) environment.emplace_back(*one);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    const int error = posix_spawn(&pid_, command.front().c_str(), &actions, nullptr, pointers(command).data(),
                                  pointers(environment).data());
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) give_up(command.front() + " cannot be started");
  }
  ~Program() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Waits until `ready`; ends ours when the program ends before, or takes a minute.
  void wait_until(const std::function<bool()>& ready) const {
    const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!ready()) {
      if (::waitpid(pid_, nullptr, WNOHANG) != 0 || std::chrono::steady_clock::now() > until)
        give_up("a program does not serve; it says in " + log_.string());
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

 private:
  static std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (std::string& text : texts) out.push_back(text.data());
    out.push_back(nullptr);
    return out;
  }
  [[noreturn]] static void give_up(const std::string& why) {
    std::fprintf(stderr, "bench: %s\n", why.c_str());
    std::exit(1);
  }

  pid_t pid_ = -1;
  std::filesystem::path log_;
};

// A port of 127.0.0.1 that nobody listens at.
inline std::uint16_t unused_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{
      .sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t size = sizeof address;
  ::bind(fd, reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

// Whether GET `path` is answered with a status of success.
inline bool answers(std::uint16_t port, const std::string& path) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address{
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  std::string text = "GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  char answer[12] = {};
  const bool got = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                   ::send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()) &&
                   ::recv(fd, answer, sizeof answer, MSG_WAITALL) == static_cast<ssize_t>(sizeof answer);
  ::close(fd);
  return got && answer[9] == '2';
}

}  // namespace berth::bench
