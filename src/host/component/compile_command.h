// CompileCommand: what the host asks of the process that compiles, and that process's side of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "abi/engine.h"
#include "base/error.h"
#include "host/limits.h"

namespace berth::host {

// What one compilation may use. Plain value.
struct CompileLimits {
  // Addresses of the compiling process: its memory is always less.
  std::uint64_t memory_bytes = std::uint64_t{4} << 30;
  std::chrono::seconds cpu{300};                // of all its threads together
  std::chrono::milliseconds wall{10 * 60'000};  // a machine that is busy or stopped
  std::size_t code_bytes = kMaxCompiledBytes;
};

// One compilation: a component or preview-1 module on standard input, a file; the code to standard
// output, an empty file; what was wrong with it to standard error, in words. Plain value.
struct CompileCommand {
  abi::Compiler compiler = abi::Compiler::kCranelift;
  abi::Allocation allocation = abi::Allocation::kPooling;  // of the engine that will run the code
  std::uint64_t max_memory_bytes = 0;                      // likewise
  std::string key;                                         // that engine's: another version compiles nothing
  CompileLimits limits;
  int nice = 0;

  // For a command line, and back. kInvalidArgument.
  [[nodiscard]] std::vector<std::string> arguments() const;
  [[nodiscard]] static Result<CompileCommand> parse(std::span<const std::string> arguments);
};

// How the compiling process ends.
enum class CompileExit : std::uint8_t {
  kDone = 0,
  kUsage = 2,         // it was not started by a host
  kMalformed = 20,    // the component is wrong
  kUnsupported = 21,  // the component is valid, but not for Winch
  kMemory = 22,       // over its limit of memory
  kOtherVersion = 23,
  kFailed = 24,  // our own fault, or the machine's
};

// The compiling process itself: limits this process, compiles, and says how it ended. What a program
// does that is given as Compiler::Options::program. Call it on the only thread.
[[nodiscard]] CompileExit run_compile_command(std::span<const std::string> arguments);

}  // namespace berth::host
