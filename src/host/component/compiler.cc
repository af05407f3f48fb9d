// Compiler: the process, from its start to what its end means.
#include "host/component/compiler.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "host/limits.h"

namespace berth::host {
namespace {

using Clock = std::chrono::steady_clock;

std::unexpected<Error> cannot(std::string_view what, int error) {
  return fail(Code::kInternal,
              fmt::format("{} the compiler's process: {}", what, std::generic_category().message(error)));
}

// What posix_spawn is told. One thread at a time.
class SpawnPlan final {
 public:
  SpawnPlan() {
    ::posix_spawn_file_actions_init(&files_);
    ::posix_spawnattr_init(&how_);
  }
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&files_);
    ::posix_spawnattr_destroy(&how_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  // 0 or errno.
  int start(const std::filesystem::path& program, std::vector<std::string> arguments, int in, int out,
            int err, pid_t& pid) {
    ::posix_spawn_file_actions_adddup2(&files_, in, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&files_, out, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&files_, err, STDERR_FILENO);
    ::posix_spawn_file_actions_addclosefrom_np(&files_, STDERR_FILENO + 1);
    // A group of its own: Ctrl-C on a terminal is for the host, which ends its compilers itself. Not a
    // session: in one of its own its niceness would count for nothing against the host's.
    sigset_t signals;
    ::sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&how_, &signals);
    ::sigfillset(&signals);
    ::posix_spawnattr_setsigdefault(&how_, &signals);
    ::posix_spawnattr_setflags(&how_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    // Both would otherwise grow with the number of processors, and each thread and heap takes addresses
    // from the limit.
    std::string threads = fmt::format(
        "RAYON_NUM_THREADS={}", std::clamp(std::thread::hardware_concurrency(), 1U, kMaxCompileThreads));
    std::string heaps = fmt::format("MALLOC_ARENA_MAX={}", kMaxCompileThreads);
    const std::array<char*, 3> environment = {threads.data(), heaps.data(), nullptr};
    return ::posix_spawn(&pid, program.c_str(), &files_, &how_, argv.data(), environment.data());
  }

 private:
  posix_spawn_file_actions_t files_{};
  posix_spawnattr_t how_{};
};

// How the process ended.
struct End {
  int status = 0;  // as waitpid gives it
  std::chrono::microseconds cpu{0};
  bool timed_out = false;
};

std::chrono::microseconds duration_of(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

Result<End> await_end(pid_t pid, std::chrono::milliseconds limit, const std::stop_token& stop) {
  End end;
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  const int no_descriptor = fd < 0 ? errno : 0;
  if (no_descriptor != 0) ::kill(pid, SIGKILL);
  {
    // The process is reaped only below, so that its number means nobody else.
    const std::stop_callback kill_it(stop, [pid] { ::kill(pid, SIGKILL); });
    const Clock::time_point deadline = Clock::now() + limit;
    while (no_descriptor == 0) {
      pollfd polled{fd, POLLIN, 0};
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
      const int n = ::poll(&polled, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000)));
      if (n > 0) break;
      if (Clock::now() < deadline) continue;
      end.timed_out = true;
      ::kill(pid, SIGKILL);
      break;
    }
  }
  if (fd >= 0) ::close(fd);
  rusage used{};
  pid_t reaped = 0;
  do {
    reaped = ::wait4(pid, &end.status, 0, &used);
  } while (reaped < 0 && errno == EINTR);
  // Such as ECHILD in a program that ignores SIGCHLD.
  if (reaped < 0) return cannot("waiting for", errno);
  if (no_descriptor != 0) return cannot("watching", no_descriptor);
  end.cpu = duration_of(used.ru_utime) + duration_of(used.ru_stime);
  return end;
}

std::unexpected<Error> over(std::string_view limit) {
  return fail(Code::kResourceExhausted,
              fmt::format("compiling it was stopped: it needs more than the compiler's limit of {}", limit));
}

Result<void> judge(const End& end, const CompileLimits& limits, std::string said) {
  said.resize(said.find_last_not_of(" \n") + 1);
  const std::string first_line = said.substr(0, said.find('\n'));
  if (end.timed_out) return over(fmt::format("{} (wall clock)", limits.wall));
  if (WIFSIGNALED(end.status)) {
    const int signal = WTERMSIG(end.status);
    if (signal == SIGXCPU || (signal == SIGKILL && end.cpu >= limits.cpu))
      return over(fmt::format("{} of processor time", limits.cpu));
    if (signal == SIGXFSZ) return over(fmt::format("{} MiB of compiled code", limits.code_bytes >> 20));
    // What Rust's runtime says before it gives up.
    if (said.find("memory allocation of") != std::string::npos)
      return over(fmt::format("{} MiB of memory", limits.memory_bytes >> 20));
    if (signal == SIGKILL) {
      return fail(Code::kResourceExhausted,
                  "compiling it was stopped from outside; the system does that when memory is short");
    }
    return fail(Code::kInternal,
                fmt::format("the compiler crashed on it ({}): {}", ::strsignal(signal), first_line));
  }
  switch (static_cast<CompileExit>(WEXITSTATUS(end.status))) {
    case CompileExit::kDone: return {};
    case CompileExit::kMalformed: return fail(Code::kInvalidArgument, std::move(said));
    case CompileExit::kUnsupported: return fail(Code::kFailedPrecondition, std::move(said));
    case CompileExit::kMemory: return over(fmt::format("{} MiB of memory", limits.memory_bytes >> 20));
    case CompileExit::kOtherVersion:
      return fail(Code::kInternal, fmt::format("the compiler is another version of this program: {}", said));
    default:
      return fail(Code::kInternal,
                  fmt::format("the compiler failed with exit code {}: {}", WEXITSTATUS(end.status), said));
  }
}

}  // namespace

// One of kMaxCompilations. One thread at a time.
class Compiler::Turn final {
 public:
  Turn(const Compiler& compiler, const std::stop_token& stop) : compiler_(compiler) {
    std::unique_lock lock(compiler_.mutex_);
    taken_ = compiler_.ended_.wait(lock, stop, [&] { return compiler_.running_ < kMaxCompilations; });
    if (taken_) ++compiler_.running_;
  }
  ~Turn() {
    if (!taken_) return;
    const std::lock_guard lock(compiler_.mutex_);
    --compiler_.running_;
    compiler_.ended_.notify_one();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  [[nodiscard]] bool taken() const { return taken_; }

 private:
  const Compiler& compiler_;
  bool taken_ = false;
};

Result<MemoryFile> Compiler::compile(std::span<const std::uint8_t> bytes, const abi::Engine& engine,
                                     Urgency urgency, const std::stop_token& stop) const {
  const auto cancelled = [] { return fail(Code::kCancelled, "compiling was cancelled"); };
  const Turn turn(*this, stop);
  if (!turn.taken()) return cancelled();

  MemoryFile in = BERTH_TRY(MemoryFile::create());
  BERTH_TRY(in.write(bytes));
  if (::lseek(in.fd(), 0, SEEK_SET) != 0) return cannot("preparing", errno);
  MemoryFile out = BERTH_TRY(MemoryFile::create());
  const MemoryFile err = BERTH_TRY(MemoryFile::create());

  const CompileCommand command{.compiler = engine.options().compiler,
                               .allocation = engine.options().allocation,
                               .max_memory_bytes = engine.options().max_memory_bytes,
                               .key = engine.key(),
                               .limits = options_.limits,
                               .nice = urgency == Urgency::kWaitedFor ? kCompileNice : kImproveNice};
  std::vector<std::string> arguments = command.arguments();
  arguments.insert(arguments.begin(), {options_.program.string(), "compile"});
  pid_t pid = -1;
  if (const int error =
          SpawnPlan().start(options_.program, std::move(arguments), in.fd(), out.fd(), err.fd(), pid);
      error != 0) {
    return cannot(fmt::format("starting {} as", options_.program.string()), error);
  }
  const End end = BERTH_TRY(await_end(pid, options_.limits.wall, stop));
  if (stop.stop_requested()) return cancelled();
  BERTH_TRY(judge(end, options_.limits, err.text(kMaxCompilerMessageBytes)));
  return out;
}

}  // namespace berth::host
