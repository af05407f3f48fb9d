// Compiler: what its process is given, each limit it has, and each way in which it can end.
#include "host/component/compiler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "abi/component.h"
#include "bombs.h"

namespace berth::tiers {
namespace {

namespace fs = std::filesystem;
using host::Compiler;
using host::CompilerOptions;
using host::Urgency;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

constexpr std::string_view kSmall = R"((component
  (core module $m (func (export "f") (result i32) (i32.const 7)))
  (core instance $i (instantiate $m))
  (func (export "f") (result u32) (canon lift (core func $i "f")))))";

std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

class CompilerTest : public testing::Test {
 protected:
  ~CompilerTest() override {
    // Whatever happened, nobody is left and nothing is left open.
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
    EXPECT_EQ(open_descriptors(), descriptors_);
    fs::remove_all(folder_);
  }
  // A compiler that is a shell script.
  CompilerOptions script(std::string_view commands) {
    fs::create_directories(folder_);
    const fs::path path = folder_ / "compiler";
    std::ofstream(path) << "#!/bin/sh\n" << commands << "\n";
    fs::permissions(path, fs::perms::owner_all);
    return {.program = path};
  }
  Result<host::MemoryFile> compile(const CompilerOptions& options, std::span<const std::uint8_t> bytes,
                                   const std::stop_token& stop = {}) const {
    return Compiler(options).compile(bytes, *engine_, Urgency::kWaitedFor, stop);
  }
  Error error_of(const CompilerOptions& options, std::span<const std::uint8_t> bytes) const {
    auto code = compile(options, bytes);
    return code ? Error(Code::kInternal, "it was compiled") : std::move(code).error();
  }

  const fs::path folder_ = fs::temp_directory_path() / ("berth-compiler-test-" + std::to_string(::getpid()));
  const CompilerOptions real_{.program = BERTH_BINARY_DIR "/berth"};
  const std::shared_ptr<abi::Engine> engine_ =
      *abi::Engine::create({.max_instances = 10, .tick = std::chrono::microseconds(0)});
  const Bytes small_ = *abi::parse_text(kSmall);
  const std::size_t descriptors_ = open_descriptors();  // last: the engine has its own
};

TEST_F(CompilerTest, GivesCodeForTheEngine) {
  const auto code = compile(real_, small_);
  ASSERT_TRUE(code) << code.error().to_string();
  const auto component = abi::Component::load(engine_, code->fd());
  ASSERT_TRUE(component) << component.error().to_string();
  EXPECT_EQ((*component)->shape().exports.at(0).name, "f");
  // The engines of a single program too: on demand, and another memory.
  const auto single = *abi::Engine::create({.allocation = abi::Allocation::kOnDemand,
                                            .max_memory_bytes = std::uint64_t{4} << 30,
                                            .tick = std::chrono::microseconds(0)});
  const auto theirs = Compiler(real_).compile(small_, *single, Urgency::kBackground, {});
  ASSERT_TRUE(theirs) << theirs.error().to_string();
  EXPECT_TRUE(abi::Component::load(single, theirs->fd()));
  EXPECT_FALSE(abi::Component::load(engine_, theirs->fd()));
}

TEST_F(CompilerTest, AdaptsAModule) {
  const auto module = *abi::parse_text(R"((module (memory (export "memory") 1) (func (export "_start"))))");
  const auto code = compile(real_, module);
  ASSERT_TRUE(code) << code.error().to_string();
  const auto component = abi::Component::load(engine_, code->fd());
  ASSERT_TRUE(component) << component.error().to_string();
  EXPECT_THAT((*component)->shape().exports.at(0).name, HasSubstr("wasi:cli/run@"));
}

TEST_F(CompilerTest, SaysWhatIsWrongWithTheComponent) {
  EXPECT_EQ(error_of(real_, Bytes(100, 'x')).code(), Code::kInvalidArgument);
  EXPECT_THAT(error_of(real_, Bytes(100, 'x')).message(), HasSubstr("it is not WebAssembly"));
  Bytes cut = small_;
  cut.resize(cut.size() - 3);
  const Error error = error_of(real_, cut);
  EXPECT_EQ(error.code(), Code::kInvalidArgument);
  EXPECT_EQ(error.message(), abi::Component::compile(engine_, cut).error().message());
  const Error module = error_of(real_, *abi::parse_text("(module (import \"a\" \"b\" (func)))"));
  EXPECT_EQ(module.code(), Code::kInvalidArgument);
  EXPECT_THAT(module.message(), HasSubstr("it is a core module"));
}

TEST_F(CompilerTest, TellsWhatWinchLacksFromWhatIsWrong) {
  const auto winch = *abi::Engine::create_beside(*engine_, abi::Compiler::kWinch);
  const auto tail_call = *abi::parse_text(R"((component (core module $m
      (func $f (export "f") (result i32) (return_call $f)))))");
  const auto refused = Compiler(real_).compile(tail_call, *winch, Urgency::kWaitedFor, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(refused.error().message(), HasSubstr("Winch cannot compile this component: "));
  EXPECT_TRUE(compile(real_, tail_call));
}

TEST_F(CompilerTest, HasALimitOfProcessorTime) {
  CompilerOptions options = real_;
  options.limits.cpu = std::chrono::seconds(1);
  const Error error = error_of(options, huge_function());
  EXPECT_EQ(error.code(), Code::kResourceExhausted);
  EXPECT_THAT(error.message(), HasSubstr("the compiler's limit of 1s of processor time"));
}

TEST_F(CompilerTest, HasALimitOfMemory) {
  CompilerOptions options = real_;
  options.limits.memory_bytes = 192 << 20;
  const Error error = error_of(options, huge_function());
  EXPECT_EQ(error.code(), Code::kResourceExhausted);
  EXPECT_THAT(error.message(), HasSubstr("the compiler's limit of 192 MiB of memory"));
}

TEST_F(CompilerTest, HasALimitOfTime) {
  CompilerOptions options = real_;
  options.limits.wall = std::chrono::milliseconds(300);
  const auto begin = std::chrono::steady_clock::now();
  const Error error = error_of(options, huge_function());
  EXPECT_EQ(error.code(), Code::kResourceExhausted);
  EXPECT_THAT(error.message(), HasSubstr("the compiler's limit of 300ms (wall clock)"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
}

TEST_F(CompilerTest, HasALimitOfCode) {
  CompilerOptions options = real_;
  options.limits.code_bytes = 1 << 20;
  const auto winch = *abi::Engine::create_beside(*engine_, abi::Compiler::kWinch);
  // 6 MB of code in a fraction of a second.
  const auto code = Compiler(options).compile(nested_branches(), *winch, Urgency::kWaitedFor, {});
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().code(), Code::kResourceExhausted);
  EXPECT_THAT(code.error().message(), HasSubstr("the compiler's limit of 1 MiB of compiled code"));
}

TEST_F(CompilerTest, EndsWhenItIsAskedTo) {
  std::stop_source stop;
  std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    stop.request_stop();
  });
  const auto begin = std::chrono::steady_clock::now();
  const auto code = compile(real_, huge_function(), stop.get_token());
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().code(), Code::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
  EXPECT_EQ(compile(real_, small_, stop.get_token()).error().code(), Code::kCancelled);
}

// A program that shows what it was given.
TEST_F(CompilerTest, GivesItsProcessNothingElse) {
  ::signal(SIGPIPE, SIG_IGN);
  const Error error =
      error_of(script("leader=$([ $(cut -d' ' -f5 /proc/$$/stat) = $$ ] && echo leader)\n"
                      "echo $(env | grep -v '^PWD=') / $(ls -l /proc/$$/fd | grep -c memfd) /"
                      " $(grep -E '^Sig(Blk|Ign)' /proc/$$/status) / $leader / \"$@\" >&2; exit 20"),
               small_);
  ::signal(SIGPIPE, SIG_DFL);
  EXPECT_EQ(error.code(), Code::kInvalidArgument);
  EXPECT_THAT(
      error.message(),
      MatchesRegex("RAYON_NUM_THREADS=[0-9]+ MALLOC_ARENA_MAX=8 / 3 / SigBlk: 0+ SigIgn: [0-9a-f]+0000000 / "
                   "leader / compile --compiler=cranelift .*--key=wasmtime-.*--nice=5"));
}

TEST_F(CompilerTest, SaysWhyAProcessFailed) {
  EXPECT_THAT(error_of({.program = "/nonexistent/berth"}, small_).message(),
              HasSubstr("starting /nonexistent/berth as the compiler's process: No such file"));
  EXPECT_THAT(error_of(script("echo oops >&2; exit 1"), small_).message(),
              HasSubstr("the compiler failed with exit code 1: oops"));
  EXPECT_THAT(
      error_of(script("echo where >&2; echo more >&2; kill -SEGV $$"), small_).message(),
      AllOf(HasSubstr("the compiler crashed on it (Segmentation fault): where"), Not(HasSubstr("more"))));
  const Error killed = error_of(script("kill -KILL $$"), small_);
  EXPECT_EQ(killed.code(), Code::kResourceExhausted);
  EXPECT_THAT(killed.message(), HasSubstr("stopped from outside"));
  const Error other = error_of(script("echo this compiler makes code for wasmtime-1 >&2; exit 23"), small_);
  EXPECT_EQ(other.code(), Code::kInternal);
  EXPECT_THAT(other.message(), HasSubstr("another version of this program"));
}

TEST_F(CompilerTest, BelievesNoMoreThanSomeOfWhatItSays) {
  const Error error = error_of(script("head -c 100000 /dev/zero | tr '\\0' x >&2; exit 20"), small_);
  EXPECT_EQ(error.message().size(), host::kMaxCompilerMessageBytes);
  // It says that it is done, and is not.
  const auto nothing = compile(script("exit 0"), small_);
  ASSERT_TRUE(nothing);
  EXPECT_EQ(abi::Component::load(engine_, nothing->fd()).error().code(), Code::kInvalidArgument);
}

TEST_F(CompilerTest, RunsOnlySoManyAtOnce) {
  const CompilerOptions slow = script("echo x >> " + (folder_ / "started").string() + "; sleep 1; exit 20");
  const Compiler compiler(slow);
  std::vector<std::jthread> callers;
  const auto begin = std::chrono::steady_clock::now();
  for (unsigned i = 0; i < host::kMaxCompilations + 1; ++i) {
    callers.emplace_back([&] { EXPECT_FALSE(compiler.compile(small_, *engine_, Urgency::kWaitedFor, {})); });
  }
  callers.clear();
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
  EXPECT_EQ(fs::file_size(folder_ / "started"), 2 * (host::kMaxCompilations + 1));
}

}  // namespace
}  // namespace berth::tiers
