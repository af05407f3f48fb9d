// The state store in this process, beside what else runs one as wasm: go-plugin on wazero, and Extism. Each
// figure is a set and a get of one key.
#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "abi/engine.h"
#include "applications/statestore/native/component_store.h"
#include "applications/statestore/native/workload_store.h"
#include "bench/suite.h"
#include "host/component/loader.h"
#include "host/host.h"
#include "net/io_context.h"
#include "telemetry/metrics.h"

namespace berth::bench {
namespace {

using Clock = std::chrono::steady_clock;

std::uint64_t since(Clock::time_point begin) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin).count());
}

[[noreturn]] void wrong(const char* what) {
  std::fprintf(stderr, "bench: %s\n", what);
  std::exit(1);
}

// The value of a task that is done at once, as those of an idle store without I/O are.
template <class T>
T at_once(Task<T> task) {
  std::optional<T> value;
  detach(std::move(task), [&](T done) { value.emplace(std::move(done)); });
  if (!value) wrong("a call of the store waits");
  return *std::move(value);
}

// Our store, as a program that embeds it would use it.
class Ours final {
 public:
  Ours() : io_(need(net::IoContext::create(1), "threads")), host_(*io_, metrics_) {
    const host::Loader loader(need(abi::Engine::create({}), "engine"), *io_, {});
    auto version = need(
        loader.load(guest_artifact("store_1"), {.workload = "store", .binder = statestore::store_binder({})}),
        "load");
    auto workload =
        need(host_.start({.name = "store", .instances = host::InstancePolicy::one()}, version), "start");
    store_.emplace(need(host::Typed<statestore::Store>::of(workload), "bind"));
  }

  std::uint64_t run(std::size_t bytes, std::uint64_t times) {
    const std::string value(bytes, 'v');
    const statestore::Time now = statestore::current_time();
    const auto begin = Clock::now();
    for (std::uint64_t i = 0; i < times; ++i) {
      if (!need(at_once(store_->set(now, {.key = "key", .value = value})), "set")) wrong("set: refused");
      const auto got = need(at_once(store_->get(now, "key")), "get");
      if (!got || !*got || (*got)->value.size() != bytes) wrong("get: not what was set");
    }
    return since(begin);
  }

 private:
  std::unique_ptr<net::IoContext> io_;
  telemetry::Metrics metrics_;
  host::Host host_;
  std::optional<statestore::WorkloadStore> store_;
};

// go-plugin's host, a program of its own: told how often, it answers how long that took.
class GoPlugin final {
 public:
  GoPlugin() {
    int to[2], from[2];
    if (::pipe2(to, O_CLOEXEC) != 0 || ::pipe2(from, O_CLOEXEC) != 0) wrong("pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
    std::string program = BERTH_PEERS "/goplugin/host", plugin = BERTH_PEERS "/goplugin/plugin.wasm";
    char* argv[] = {program.data(), plugin.data(), nullptr};
    if (::posix_spawn(&pid_, argv[0], &actions, nullptr, argv, environ) != 0)
      wrong("go-plugin does not start");
    posix_spawn_file_actions_destroy(&actions);
    ::close(to[0]);
    ::close(from[1]);
    in_ = ::fdopen(to[1], "w");
    out_ = ::fdopen(from[0], "r");
  }
  ~GoPlugin() {
    std::fclose(in_);  // its end
    std::fclose(out_);
    ::waitpid(pid_, nullptr, 0);
  }
  GoPlugin(const GoPlugin&) = delete;
  GoPlugin& operator=(const GoPlugin&) = delete;

  std::uint64_t run(std::size_t bytes, std::uint64_t times) {
    std::uint64_t took = 0;
    std::fprintf(in_, "%zu %llu\n", bytes, static_cast<unsigned long long>(times));
    if (std::fflush(in_) != 0 || std::fscanf(out_, "%lu", &took) != 1) wrong("go-plugin's host ended");
    return took;
  }

 private:
  pid_t pid_ = -1;
  std::FILE* in_ = nullptr;
  std::FILE* out_ = nullptr;
};

// Its C API, of extism.h.
class Extism final {
 public:
  Extism() {
    load("extism_plugin_new", new_);
    load("extism_plugin_call", call_);
    load("extism_plugin_output_data", data_);
    load("extism_plugin_output_length", length_);
    load("extism_plugin_free", free_);
    const std::vector<std::uint8_t> wasm = read_file(BERTH_PEERS "/extism/plugin.wasm");
    plugin_ = new_(wasm.data(), wasm.size(), nullptr, 0, false, nullptr);
    if (plugin_ == nullptr) wrong("Extism does not take its plugin");
  }
  ~Extism() { free_(plugin_); }
  Extism(const Extism&) = delete;
  Extism& operator=(const Extism&) = delete;

  std::uint64_t run(std::size_t bytes, std::uint64_t times) {
    std::string set("\3\0\0\0key", 7);
    set.append(bytes, 'v');
    const auto begin = Clock::now();
    for (std::uint64_t i = 0; i < times; ++i) {
      const std::string etag = call("set", set);
      const std::string got = call("get", "key");
      std::uint32_t etag_bytes = 0;
      std::memcpy(&etag_bytes, got.data(), sizeof etag_bytes);
      if (etag.size() != etag_bytes || got.size() != sizeof etag_bytes + etag_bytes + bytes)
        wrong("Extism: not what was set");
    }
    return since(begin);
  }

 private:
  template <class F>
  void load(const char* name, F& function) {
    function = reinterpret_cast<F>(::dlsym(library_, name));
    if (function == nullptr) wrong(name);
  }
  std::string call(const char* function, std::string_view input) {
    if (call_(plugin_, function, reinterpret_cast<const std::uint8_t*>(input.data()), input.size()) != 0)
      wrong("Extism: a call failed");
    return {reinterpret_cast<const char*>(data_(plugin_)), length_(plugin_)};
  }

  void* library_ = ::dlopen(BERTH_PEERS "/extism/libextism_sys.so", RTLD_NOW | RTLD_LOCAL);
  void* (*new_)(const std::uint8_t*, std::uint64_t, const void**, std::uint64_t, bool, char**) = nullptr;
  std::int32_t (*call_)(void*, const char*, const std::uint8_t*, std::uint64_t) = nullptr;
  const std::uint8_t* (*data_)(void*) = nullptr;
  std::uint64_t (*length_)(void*) = nullptr;
  void (*free_)(void*) = nullptr;
  void* plugin_ = nullptr;
};

}  // namespace

void state_peers(Report& report) {
  Ours ours;
  GoPlugin goplugin;
  struct Size {
    const char* name;
    std::size_t bytes;
    double goal;
  };
  for (const Size& size : {Size{"16", 16, 0.15}, Size{"1k", 1 << 10, 0.15}, Size{"64k", 64 << 10, 0.15},
                           Size{"1m", 1 << 20, 0.5}}) {
    report.compare(
        fmt::format("state_vs_goplugin_{}", size.name), "go-plugin 0.9 on wazero 1.9", size.goal,
        [&](std::uint64_t times) { return ours.run(size.bytes, times); },
        [&](std::uint64_t times) { return goplugin.run(size.bytes, times); });
  }
  Extism extism;
  report.compare(
      "state_vs_extism_1k", "Extism 1.41, the same entries", 0.1,
      [&](std::uint64_t times) { return ours.run(1 << 10, times); },
      [&](std::uint64_t times) { return extism.run(1 << 10, times); });
}

}  // namespace berth::bench
