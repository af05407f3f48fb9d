// CompileCommand: its text, and compiling within limits.
#include "host/component/compile_command.h"
#include "artifact/limits.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <new>
#include <string_view>
#include <system_error>

#include "abi/component.h"
#include "host/component/binary.h"
#include "host/component/memory_file.h"
#include "host/limits.h"

namespace berth::host {
namespace {

constexpr std::string_view kWinch = "winch";
constexpr std::string_view kCranelift = "cranelift";
constexpr std::string_view kPool = "pool";
constexpr std::string_view kOnDemand = "on-demand";

std::unexpected<Error> bad(std::string_view argument) {
  return fail(Code::kInvalidArgument,
              fmt::format("the argument {} is wrong; this command is for a running host", argument));
}

template <class Number>
bool read_number(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

std::unexpected<Error> system_error(std::string_view doing) {
  return fail(Code::kInternal, fmt::format("{}: {}", doing, std::generic_category().message(errno)));
}

Result<void> limit(int resource, std::uint64_t value, std::uint64_t grace = 0) {
  // Never above what the host itself has.
  rlimit now{};
  if (::getrlimit(resource, &now) != 0) return system_error("getrlimit");
  const rlimit wanted{std::min<rlim_t>(value, now.rlim_max), std::min<rlim_t>(value + grace, now.rlim_max)};
  if (::setrlimit(resource, &wanted) != 0) return system_error("setrlimit");
  return {};
}

// Before the first byte of the component is looked at.
Result<void> confine(const CompileCommand& command) {
  // The thread of the host that waits for us is gone: nobody wants the code any more.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return system_error("prctl");
  errno = 0;
  if (::nice(command.nice) == -1 && errno != 0) return system_error("nice");
  // Where memory is short after all, the system is to take this process and not the host.
  const int score = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (score < 0 || ::write(score, "1000", 4) != 4) return system_error("/proc/self/oom_score_adj");
  ::close(score);
#if !__has_feature(address_sanitizer)  // which maps terabytes before main()
  BERTH_TRY(limit(RLIMIT_AS, command.limits.memory_bytes));
#endif
  BERTH_TRY(limit(RLIMIT_CPU, static_cast<std::uint64_t>(command.limits.cpu.count()), 1));
  BERTH_TRY(limit(RLIMIT_FSIZE, command.limits.code_bytes));
  return limit(RLIMIT_CORE, 0);
}

// The size of standard input. Both must be what a host gives, so that a person who tries the command
// is told so.
Result<std::size_t> check_files() {
  struct stat in{};
  struct stat out{};
  const bool files = ::fstat(STDIN_FILENO, &in) == 0 && ::fstat(STDOUT_FILENO, &out) == 0 &&
                     S_ISREG(in.st_mode) && S_ISREG(out.st_mode) && in.st_size > 0 && out.st_size == 0 &&
                     static_cast<std::size_t>(in.st_size) <= artifact::kMaxArtifactBytes;
  if (!files) {
    return fail(Code::kInvalidArgument,
                "standard input is not a component's file, or standard output not an empty file; this "
                "command is for a running host");
  }
  return static_cast<std::size_t>(in.st_size);
}

Result<CompileExit> compile(const CompileCommand& command, std::size_t size) {
  BERTH_TRY(confine(command));
  const MappedFile file = BERTH_TRY(MappedFile::create(STDIN_FILENO, size));
  const auto engine = BERTH_TRY(abi::Engine::create(
      {.compiler = command.compiler,
       .allocation = command.allocation == abi::Allocation::kOnDemand ? abi::Allocation::kOnDemand
                                                                      : abi::Allocation::kPoolElsewhere,
       .max_memory_bytes = command.max_memory_bytes,
       .tick = std::chrono::microseconds(0)}));
  if (engine->key() != command.key) {
    std::fprintf(stderr, "this compiler makes code for %s\n", engine->key().c_str());
    return CompileExit::kOtherVersion;
  }
  std::vector<std::uint8_t> adapted;
  BERTH_TRY(abi::compile_into(STDOUT_FILENO, *engine, BERTH_TRY(component_in(file.bytes(), adapted))));
  return CompileExit::kDone;
}

CompileExit exit_of(const Error& error) {
  std::fprintf(stderr, "%s\n", error.message().c_str());
  switch (error.code()) {
    case Code::kInvalidArgument:
      // Rust's and the system's word for it; the compiler's own allocations end the process.
      return error.message().find("os error 12") != std::string::npos ? CompileExit::kMemory
                                                                      : CompileExit::kMalformed;
    case Code::kFailedPrecondition: return CompileExit::kUnsupported;
    default:
      // What an arena of the compiler panics with when it gets no more.
      return error.message().find("out of memory") != std::string::npos ? CompileExit::kMemory
                                                                        : CompileExit::kFailed;
  }
}

}  // namespace

std::vector<std::string> CompileCommand::arguments() const {
  return {fmt::format("--compiler={}", compiler == abi::Compiler::kWinch ? kWinch : kCranelift),
          fmt::format("--allocation={}", allocation == abi::Allocation::kOnDemand ? kOnDemand : kPool),
          fmt::format("--max-memory={}", max_memory_bytes),
          fmt::format("--key={}", key),
          fmt::format("--limit-memory={}", limits.memory_bytes),
          fmt::format("--limit-cpu={}", limits.cpu.count()),
          fmt::format("--limit-code={}", limits.code_bytes),
          fmt::format("--nice={}", nice)};
}

Result<CompileCommand> CompileCommand::parse(std::span<const std::string> arguments) {
  CompileCommand out;
  std::int64_t cpu = 0;
  for (const std::string& argument : arguments) {
    const std::string_view text = argument;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) return bad(text);
    const std::string_view name = text.substr(0, equals);
    const std::string_view value = text.substr(equals + 1);
    bool good = false;
    if (name == "--compiler") {
      out.compiler = value == kWinch ? abi::Compiler::kWinch : abi::Compiler::kCranelift;
      good = value == kWinch || value == kCranelift;
    } else if (name == "--allocation") {
      out.allocation = value == kPool ? abi::Allocation::kPooling : abi::Allocation::kOnDemand;
      good = value == kPool || value == kOnDemand;
    } else if (name == "--key") {
      out.key = value;
      good = true;
    } else if (name == "--max-memory") {
      good = read_number(value, out.max_memory_bytes);
    } else if (name == "--limit-memory") {
      good = read_number(value, out.limits.memory_bytes);
    } else if (name == "--limit-cpu") {
      good = read_number(value, cpu) && cpu > 0;
      out.limits.cpu = std::chrono::seconds(cpu);
    } else if (name == "--limit-code") {
      good = read_number(value, out.limits.code_bytes);
    } else if (name == "--nice") {
      good = read_number(value, out.nice);
    }
    if (!good) return bad(text);
  }
  if (out.key.empty() || cpu == 0) return bad("--key or --limit-cpu");
  return out;
}

CompileExit run_compile_command(std::span<const std::string> arguments) {
  const auto usage = [](const Error& error) {
    std::fprintf(stderr, "%s\n", error.message().c_str());
    return CompileExit::kUsage;
  };
  const auto command = CompileCommand::parse(arguments);
  if (!command) return usage(command.error());
  const auto size = check_files();
  if (!size) return usage(size.error());
  try {
    const auto done = compile(*command, *size);
    return done ? *done : exit_of(done.error());
  } catch (const std::bad_alloc&) {
    return CompileExit::kMemory;
  }
}

}  // namespace berth::host
