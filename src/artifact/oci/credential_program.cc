// Running a docker credential helper: a program of the user's, bounded in time and in what it prints.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include "artifact/oci/credentials.h"
#include "artifact/oci/json.h"
#include "artifact/oci/limits.h"

namespace berth::artifact::oci {
namespace {

using Clock = std::chrono::steady_clock;

// How often a stop request is looked for.
constexpr int kLookMilliseconds = 50;
// What helpers print, by docker's protocol, when they know no login for the server.
constexpr std::string_view kNotFound = "credentials not found";

// Owns a file descriptor. One thread at a time.
class Handle final {
 public:
  explicit Handle(int fd = -1) : fd_(fd) {}
  ~Handle() { close(); }
  Handle(Handle&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Handle& operator=(Handle&&) = delete;
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

struct Pipe {
  Handle read;
  Handle write;
};

std::unexpected<Error> system_error(const std::string& doing, int error) {
  return fail(error == ENOENT ? Code::kNotFound : Code::kUnavailable,
              fmt::format("{}: {}", doing, std::generic_category().message(error)));
}

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("making a pipe", errno);
  return Pipe{Handle(ends[0]), Handle(ends[1])};
}

// A child in a process group of its own. Killed with all of its group, and waited for, at the end.
// One thread at a time.
class Child final {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  ~Child() {
    if (pid_ > 0) (void)end();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Kills what still runs of the group, and gives the wait status of the child.
  int end() {
    ::kill(-pid_, SIGKILL);
    return wait();
  }
  // True once it has ended by itself.
  [[nodiscard]] bool ended() {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid_;
  }
  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_;
};

Result<pid_t> spawn(const std::string& program, int in, int out) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  // What it says there could hold anything, and nobody reads it.
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  std::string name = program;
  std::string verb = "get";
  std::array<char*, 3> argv = {name.data(), verb.data(), nullptr};
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, program.c_str(), &actions, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return system_error("starting " + program + " (named in docker's config.json)", error);
  return pid;
}

struct Answer {
  int status = 0;
  std::string out;
};

// Waits for the end of the output and of the program.
Result<Answer> read_answer(const std::string& program, Child& child, const Handle& from,
                           std::chrono::milliseconds time, const std::stop_token& stop) {
  Answer answer;
  const auto until = Clock::now() + time;
  for (bool open = true; open || !child.ended();) {
    if (stop.stop_requested()) return fail(Code::kCancelled, "stopped while waiting for " + program);
    if (Clock::now() > until) {
      return fail(Code::kDeadlineExceeded,
                  fmt::format("{} has not answered for {} ms and was ended", program, time.count()));
    }
    pollfd waiting{open ? from.fd() : -1, POLLIN, 0};
    if (::poll(&waiting, 1, kLookMilliseconds) <= 0) {
      // Something that it started may hold its output open.
      if (child.ended()) break;
      continue;
    }
    std::array<char, 4096> buffer{};
    const ssize_t n = ::read(from.fd(), buffer.data(), buffer.size());
    if (n < 0 && errno != EINTR) return system_error("reading from " + program, errno);
    if (n == 0) open = false;
    if (n > 0) answer.out.append(buffer.data(), static_cast<std::size_t>(n));
    ::explicit_bzero(buffer.data(), buffer.size());
    if (answer.out.size() > kMaxHelperBytes) {
      return fail(Code::kResourceExhausted,
                  fmt::format("{} printed more than {} KiB and was ended", program, kMaxHelperBytes >> 10));
    }
  }
  answer.status = child.wait();
  return answer;
}

Result<Credential> parse_answer(const std::string& program, std::string_view text) {
  const auto wrong = [&] {
    return fail(Code::kInvalidArgument, fmt::format("{} did not answer with Username and Secret", program));
  };
  // What is wrong with it is not said: it holds a secret.
  const auto json = parse_object(text, kMaxHelperBytes, "the answer");
  if (!json) return wrong();
  auto user = text_member(*json, "Username");
  auto secret = text_member(*json, "Secret");
  if (!user || !secret || !*user || !*secret) return wrong();
  if (**user == "<token>") return Credential{.identity_token = Secret(std::move(**secret))};
  return Credential{.user = std::move(**user), .password = Secret(std::move(**secret))};
}

}  // namespace

Result<std::optional<Credential>> ask_helper(std::string_view name, std::string_view server,
                                             const std::stop_token& stop, std::chrono::milliseconds time) {
  constexpr std::size_t kMaxName = 64;
  if (name.empty() || name.size() > kMaxName ||
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") !=
          std::string_view::npos) {
    return fail(Code::kInvalidArgument,
                fmt::format("\"{}\" is no name of a credential helper", name.substr(0, kMaxName)));
  }
  const std::string program = fmt::format("docker-credential-{}", name);
  Pipe in = BERTH_TRY(make_pipe());
  Pipe out = BERTH_TRY(make_pipe());
  // The server's name is shorter than a pipe holds, so this never waits.
  const std::string line = std::string(server) + "\n";
  if (::write(in.write.fd(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    return system_error("writing to " + program, errno);
  }
  in.write.close();
  Child child(BERTH_TRY(spawn(program, in.read.fd(), out.write.fd())));
  out.write.close();
  in.read.close();
  Answer answer = BERTH_TRY(read_answer(program, child, out.read, time, stop));
  if (answer.status != 0) {
    if (answer.out.contains(kNotFound)) return std::nullopt;
    return fail(Code::kUnavailable,
                fmt::format("{} failed; run \"echo {} | {} get\" to see why", program, server, program));
  }
  auto credential = parse_answer(program, answer.out);
  ::explicit_bzero(answer.out.data(), answer.out.size());
  if (!credential) return fail(std::move(credential).error());
  if (credential->user.empty() && credential->identity_token.empty()) return std::nullopt;
  return std::move(*credential);
}

}  // namespace berth::artifact::oci
