// berth run: runs one program, or calls one function, in this process.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "abi/component.h"
#include "abi/engine.h"
#include "abi/instance.h"
#include "abi/linker.h"
#include "capabilities/filesystem/grants.h"
#include "cli/commands.h"
#include "cli/component_file.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/run_loop.h"
#include "cli/stop_signal.h"
#include "manifest/problems.h"

namespace berth::cli {
namespace {

struct RunCommandOptions {
  std::vector<std::string> dirs;
  std::vector<std::string> env;
  std::string invoke;
};

// A guest of `run` reaches files it was given and nothing else; the first denial of network and of
// files says so.
// Thread-safe.
class DenyOutside final : public abi::OutsidePolicy {
 public:
  bool connect(abi::SocketUse, const abi::SocketAddress&) override { return deny("a network connection"); }
  bool resolve(std::string_view) override { return deny("a name look-up"); }
  bool http(std::string_view, std::string_view, std::string_view, std::string_view) override {
    return deny("an HTTP request");
  }
  void file_denied(const abi::FileDenial& denial) override {
    if (said_of_files_.test_and_set()) return;
    print_error(fmt::format("denied: {}; {}", filesystem::text_of(denial),
                            denial.why == abi::FileRefusal::kReadOnly
                                ? "to allow it, leave out ::ro after --dir"
                                : "give the folder that it leads to with another --dir"));
  }

 private:
  bool deny(std::string_view what) {
    if (!said_.test_and_set()) {
      print_error(
          fmt::format("the guest asked for {}: denied, \"berth run\" grants no network; use a manifest with "
                      "grants and \"berth up\"",
                      what));
    }
    return false;
  }
  std::atomic_flag said_;
  std::atomic_flag said_of_files_;
};

// Turns Ctrl-C into the end of the guest. Before there is one, and for a guest that a first Ctrl-C did
// not end, it ends the process.
// Thread-safe.
class Interrupt final {
 public:
  Interrupt() : signal_([this](int count) { arrived(count); }) {}

  // What a signal ends from now on; nullptr before the instance goes.
  void watch(abi::Instance* instance) {
    const std::lock_guard lock(mutex_);
    instance_ = instance;
  }
  [[nodiscard]] bool interrupted() {
    const std::lock_guard lock(mutex_);
    return interrupted_;
  }

 private:
  void arrived(int count) {
    const std::lock_guard lock(mutex_);
    if (instance_ == nullptr || count > 1) ::_exit(kInterrupted);
    interrupted_ = true;
    instance_->cancel();
  }

  std::mutex mutex_;
  abi::Instance* instance_ = nullptr;
  bool interrupted_ = false;
  StopSignal signal_;  // last: begins when the rest is there
};

// HOST::GUEST or HOST::GUEST::ro; HOST alone is seen under the same name.
Result<abi::Preopen> parse_dir(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t from = 0;;) {
    const std::size_t at = text.find("::", from);
    parts.push_back(text.substr(from, at == std::string::npos ? at : at - from));
    if (at == std::string::npos) break;
    from = at + 2;
  }
  const bool mode_fits = parts.size() < 3 || parts[2] == "ro" || parts[2] == "rw";
  if (parts.size() > 3 || !mode_fits || parts[0].empty() || (parts.size() > 1 && parts[1].empty())) {
    return fail(Code::kInvalidArgument,
                fmt::format("--dir {}: write HOST::GUEST, HOST::GUEST::ro or HOST", manifest::shown(text)));
  }
  abi::Preopen out;
  out.host_path = parts[0];
  out.guest_path = parts.size() > 1 ? parts[1] : parts[0];
  out.access = parts.size() > 2 && parts[2] == "ro" ? abi::Access::kReadOnly : abi::Access::kReadWrite;
  return out;
}

Result<abi::WasiOptions> wasi_options(const RunCommandOptions& options,
                                      const std::vector<std::string>& command_line) {
  abi::WasiOptions out;
  out.args = command_line;
  out.stdio = abi::Stdio::kInherit;
  for (const std::string& dir : options.dirs) out.preopens.push_back(BERTH_TRY(parse_dir(dir)));
  for (const std::string& variable : options.env) {
    const std::size_t equals = variable.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return fail(Code::kInvalidArgument,
                  fmt::format("--env {}: write NAME=TEXT", manifest::shown(variable)));
    }
    out.env.push_back(variable);
  }
  return out;
}

std::string_view run_interface(const abi::Shape& shape) {
  for (const abi::Item& item : shape.exports) {
    if (item.kind == abi::ItemKind::kInterface &&
        (item.name == "wasi:cli/run" || item.name.starts_with("wasi:cli/run@"))) {
      return item.name;
    }
  }
  return {};
}

// What --invoke could be given, one a line.
std::string callable(const abi::Shape& shape) {
  std::string out;
  const auto add = [&](std::string_view interface, const abi::Item& item) {
    if (item.kind != abi::ItemKind::kFunc || item.name.starts_with('[')) return;
    if (!out.empty()) out += '\n';
    if (!interface.empty()) out += fmt::format("{}#", interface);
    out += fmt::format("{}: {}", item.name, item.type);
  };
  for (const abi::Item& item : shape.exports) {
    add("", item);
    for (const abi::Item& inner : item.items) add(item.name, inner);
  }
  return out;
}

int code_of_failure(const abi::Failure& failure, const Error& error) {
  switch (failure.kind) {
    case abi::FailureKind::kExit: return failure.exit_code;
    case abi::FailureKind::kTrap:
    case abi::FailureKind::kLimitTime:
    case abi::FailureKind::kLimitMemory:
    case abi::FailureKind::kLimitStack: return kTrapped;
    case abi::FailureKind::kCancelled: return kInterrupted;
    default: return exit_code(error.code());
  }
}

// The guest's part: instantiate, call, and say how it ended.
Task<int> run_guest(std::shared_ptr<const abi::Pre> pre, abi::WasiOptions wasi, std::string call,
                    bool print_result, RunLoop& loop, Interrupt& interrupt) {
  const auto state = abi::InstanceState::create();
  state->set_outside(std::make_shared<DenyOutside>());
  const auto failed = [&](const Error& error) {
    const int code = code_of_failure(state->failure(), error);
    if (state->failure().kind != abi::FailureKind::kExit && !interrupt.interrupted()) print_error(error);
    return interrupt.interrupted() ? static_cast<int>(kInterrupted) : code;
  };
  auto instance =
      co_await abi::Instance::create_async(std::move(pre), state, {.wasi = &wasi, .executor = &loop});
  if (!instance) co_return failed(instance.error());
  interrupt.watch(instance->get());
  const auto answer = co_await (*instance)->invoke(std::move(call));
  interrupt.watch(nullptr);
  if (!answer) co_return failed(answer.error());
  if (print_result) {
    if (!answer->empty()) print_text(*answer + "\n");
    co_return kOk;
  }
  co_return answer->starts_with("err") ? kFailure : kOk;
}

Result<int> run(const RunCommandOptions& options, const std::vector<std::string>& command_line) {
  const abi::WasiOptions wasi = BERTH_TRY(wasi_options(options, command_line));
  const ComponentFile file = BERTH_TRY(open_component(command_line[0]));
  Interrupt interrupt;  // before any other thread, so that only its own receives the signals

  // One instance: no pool to fill, and as much memory as wasm can address.
  const auto engine = BERTH_TRY(abi::Engine::create(
      {.allocation = abi::Allocation::kOnDemand, .max_memory_bytes = std::uint64_t{4} << 30}));
  const auto named = [&](Error error) { return fail(std::move(error).context(command_line[0])); };
  auto component = abi::Component::compile(engine, file.component);
  if (!component) return named(std::move(component).error());
  const abi::Shape& shape = (*component)->shape();

  std::string call = options.invoke;
  if (call.empty()) {
    const std::string_view interface = run_interface(shape);
    if (interface.empty()) {
      return fail(Error(Code::kInvalidArgument,
                        fmt::format("{} is no program: it does not export wasi:cli/run; call one of its "
                                    "functions with --invoke 'NAME(ARGS)'",
                                    command_line[0]))
                      .with_detail(callable(shape)));
    }
    call = fmt::format("{}#run()", interface);
  }
  auto linker = BERTH_TRY(abi::Linker::create(engine));
  for (const std::string_view group : {"cli", "io", "clocks", "random", "filesystem", "sockets", "http"}) {
    BERTH_TRY(linker.add_wasi(group));
  }
  auto pre = linker.link(*component);
  if (!pre) return named(std::move(pre).error());

  RunLoop loop;
  int code = kFailure;
  loop.post([&] {
    detach(run_guest(std::move(*pre), wasi, call, !options.invoke.empty(), loop, interrupt), [&](int c) {
      code = c;
      loop.stop();
    });
  });
  loop.run();
  return code;
}

// FILE and ARGS are what prefix_command() leaves, so the help must be told of them.
class RunFormatter final : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App*, std::string) const override {
    return "Usage: berth run [OPTIONS] FILE [ARGS...]\n";
  }
};

}  // namespace

void add_run(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("run", "Run a program, or call one function of a component");
  const auto options = std::make_shared<RunCommandOptions>();
  command->formatter(std::make_shared<RunFormatter>());
  command->add_option("--dir", options->dirs, "Open a directory: HOST::GUEST, HOST::GUEST::ro, or HOST")
      ->allow_extra_args(false);
  command->add_option("--env", options->env, "Set a variable: NAME=TEXT")->allow_extra_args(false);
  command->add_option("--invoke", options->invoke,
                      "Call a function in WAVE text and print its answer: 'add(1, 2)'");
  // What follows FILE belongs to the guest, options included.
  command->prefix_command();
  command->footer(
      "Example:\n  berth run --dir ./data::/data::ro program.wasm /data/in.txt\n"
      "  berth run --invoke 'add(1, 2)' library.wasm\n"
      "The guest's exit code is this command's; 134 when it traps, 130 when Ctrl-C stopped it.");
  command->callback([&exit_code, options, command] {
    const std::vector<std::string> command_line = command->remaining();
    if (command_line.empty()) throw CLI::RequiredError("FILE");
    if (command_line[0].starts_with('-')) {
      throw CLI::ExtrasError("run", {command_line[0]});
    }
    const Result<int> code = run(*options, command_line);
    if (!code) print_error(code.error());
    exit_code = code ? *code : berth::cli::exit_code(code.error().code());
  });
}

}  // namespace berth::cli
