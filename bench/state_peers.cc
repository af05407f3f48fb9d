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

#include <bindings/full_state_store_bindings.h>
#include <fmt/format.h>

#include "abi/engine.h"
#include "applications/statestore/native/store.h"
#include "bench/suite.h"
#include "host/call.h"
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

using Caller = wit::full_state_store::berth::state::StoreExport;

// Our store behind its generated bindings: an instance as it is, as the peers' are, with a deadline for each
// call; and as a workload, which adds admission, counts and times.
class Ours final {
 public:
  Ours() : io_(need(net::IoContext::create(1), "threads")), host_(*io_, metrics_) {
    const host::Loader loader(need(abi::Engine::create({}), "engine"), *io_, {});
    auto binder =
        host::bind_as<Caller>(Caller::check, [](abi::Instance& instance) -> Result<std::unique_ptr<Caller>> {
          auto caller = std::make_unique<Caller>(BERTH_TRY(Caller::create(instance)));
          if (!BERTH_TRY(caller->init({}))) wrong("init: refused");
          return caller;
        });
    auto version = need(
        loader.load(guest_artifact("store_1"), {.workload = "store", .binder = std::move(binder)}), "load");
    instance_ = need(version->instantiate(std::chrono::seconds(5)), "instantiate");
    instance_->set_deadline(std::chrono::seconds(5));
    auto workload =
        need(host_.start({.name = "store", .instances = host::InstancePolicy::one()}, version), "start");
    workload_.emplace(need(host::Typed<Caller>::of(workload), "bind"));
  }

  std::uint64_t run(std::size_t bytes, std::uint64_t times) {
    auto& store = *static_cast<Caller*>(instance_->exports());
    return timed(bytes, times, [&](auto call) { return call(store); });
  }
  std::uint64_t run_workload(std::size_t bytes, std::uint64_t times) {
    return timed(bytes, times, [&](auto call) { return workload_->call({}, call); });
  }

 private:
  template <class F>
  static std::uint64_t timed(std::size_t bytes, std::uint64_t times, F with_store) {
    const std::vector<std::uint8_t> value(bytes, 'v');
    const std::uint64_t now = statestore::current_time();
    const auto begin = Clock::now();
    for (std::uint64_t i = 0; i < times; ++i) {
      const auto set = with_store([&](Caller& store) { return store.set(now, "key", value, {}, {}); });
      if (!set || !*set) wrong("set: refused");
      const auto got = with_store([&](Caller& store) { return store.get(now, "key"); });
      if (!got || !*got || !**got || (**got)->value.size() != bytes) wrong("get: not what was set");
    }
    return since(begin);
  }

  std::unique_ptr<net::IoContext> io_;
  telemetry::Metrics metrics_;
  host::Host host_;
  std::unique_ptr<host::Guest> instance_;
  std::optional<host::Typed<Caller>> workload_;
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
  report.compare(
      "state_workload_vs_goplugin_16", "go-plugin 0.9, without a workload", 0.2,
      [&](std::uint64_t times) { return ours.run_workload(16, times); },
      [&](std::uint64_t times) { return goplugin.run(16, times); });
  Extism extism;
  report.compare(
      "state_vs_extism_1k", "Extism 1.41, the same entries", 0.1,
      [&](std::uint64_t times) { return ours.run(1 << 10, times); },
      [&](std::uint64_t times) { return extism.run(1 << 10, times); });
}

}  // namespace berth::bench
