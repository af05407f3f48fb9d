// Compiler: compiles components in a process of their own, so that a compile bomb ends there.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <span>
#include <stop_token>
#include <string_view>

#include "abi/engine.h"
#include "base/error.h"
#include "host/component/compile_command.h"
#include "host/component/memory_file.h"

namespace berth::host {

// How much the calls that are being served matter more.
enum class Urgency : std::uint8_t {
  kWaitedFor,   // somebody waits for the code
  kBackground,  // it only makes faster what serves already
};

struct CompilerOptions {
  // A program that passes its arguments after "compile" to run_compile_command(). Itself by default: the
  // very file that runs, whatever has its name by now.
  std::filesystem::path program = "/proc/self/exe";
  CompileLimits limits;
};

// The process gets no descriptor, no environment and no signal of ours. It is not a sandbox: it keeps
// what a component can make the compiler use apart from the host, not a compiler that was taken over.
// Thread-safe.
class Compiler final {
 public:
  explicit Compiler(CompilerOptions options) : options_(std::move(options)) {}

  // The code of `bytes`, a component or preview-1 module, for engines with `engine`'s key. Blocks: while
  // kMaxCompilations others run, and for the compile time.
  //  kInvalidArgument: malformed. kFailedPrecondition: valid, but not for Winch.
  //  kResourceExhausted: over a limit, which the message names. kCancelled: `stop` was requested.
  //  kInternal: the program cannot be started, is another version, or crashed.
  [[nodiscard]] Result<MemoryFile> compile(std::span<const std::uint8_t> bytes, const abi::Engine& engine,
                                           Urgency urgency, const std::stop_token& stop) const;

 private:
  class Turn;

  const CompilerOptions options_;
  mutable std::mutex mutex_;
  mutable std::condition_variable_any ended_;
  mutable unsigned running_ = 0;
};

}  // namespace berth::host
