// A state store of two instances beside one of one, both with as many callers as they have instances: what a
// second processor gains. Sets and gets of 1 KiB in process, each caller with keys of its own instance.
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "abi/engine.h"
#include "applications/statestore/native/component_store.h"
#include "applications/statestore/native/workload_store.h"
#include "bench/suite.h"
#include "host/component/loader.h"
#include "host/host.h"
#include "host/wait.h"
#include "net/io_context.h"
#include "telemetry/metrics.h"

namespace berth::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRounds = 15;
constexpr std::chrono::milliseconds kRound{200};
constexpr std::size_t kKeys = 256;  // of each caller

// The store of a workload, and keys of each of its instances.
class Sharded {
 public:
  Sharded(host::Host& host, std::shared_ptr<const host::Version> version, std::uint32_t shards)
      : workload_(need(host.start({.name = fmt::format("shards{}", shards),
                                   .instances = host::InstancePolicy::shards(shards)},
                                  std::move(version)),
                       "start")),
        store_(need(host::Typed<statestore::Store>::of(workload_), "bind")),
        keys_(shards) {
    // Found by writing: whose scan shows the key has it.
    const auto typed = need(host::Typed<statestore::Store>::of(workload_), "bind");
    for (int i = 0; i < 4 * static_cast<int>(kKeys * shards); ++i) {
      need_answer(run(store_.set(1, {.key = fmt::format("key{}", i), .value = "v"})));
    }
    for (std::uint32_t shard = 0; shard < shards; ++shard) {
      const auto page = need_answer(run(typed.call_async(
          {.shard = shard}, [](statestore::Store& s) { return s.scan(1, "key", {}, kKeys); })));
      for (const auto& item : page.items) keys_[shard].push_back(item.key);
    }
  }

  // Calls a second, of all callers.
  double throughput() {
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> calls{0};
    const auto begin = Clock::now();
    {
      std::vector<std::jthread> callers;
      for (const auto& keys : keys_) {
        callers.emplace_back([&] {
          const std::string value(1024, 'v');
          std::uint64_t done = 0;
          for (std::size_t i = 0; !stop.load(std::memory_order_relaxed); ++i, done += 2) {
            const std::string& key = keys[i % keys.size()];
            need_answer(run(store_.set(1, {.key = key, .value = value})));
            need_answer(run(store_.get(1, key)));
          }
          calls += done;
        });
      }
      std::this_thread::sleep_for(kRound);
      stop = true;
    }
    return static_cast<double>(calls) / std::chrono::duration<double>(Clock::now() - begin).count();
  }

 private:
  template <class T>
  static T run(Task<T> task) {
    return host::wait_for(std::move(task), {}, [] {});
  }
  template <class T>
  static T need_answer(statestore::Answer<T> answer) {
    auto inner = need(std::move(answer), "call");
    if (!inner) {
      std::fprintf(stderr, "bench: the store refuses: %s\n", inner.error().message.c_str());
      std::exit(1);
    }
    return *std::move(inner);
  }

  std::shared_ptr<host::Workload> workload_;
  statestore::WorkloadStore store_;
  std::vector<std::vector<std::string>> keys_;
};

}  // namespace

void state_shards(Report& report) {
  auto io = need(net::IoContext::create(1), "threads");
  telemetry::Metrics metrics;
  host::Host host(*io, metrics);
  host::Loader loader(need(abi::Engine::create({}), "engine"), *io, {});
  const auto version = need(
      loader.load(guest_artifact("store_1"), {.workload = "store", .binder = statestore::store_binder({})}),
      "load");
  Sharded two(host, version, 2);
  Sharded one(host, version, 1);
  std::vector<double> a, b, ratios;
  for (int round = 0; round < kRounds; ++round) {
    a.push_back(two.throughput());
    b.push_back(one.throughput());
    ratios.push_back(a.back() / b.back());
  }
  const double ratio = percentile(ratios, 0.5);
  report.add({"state_shards_2", percentile(a, 0.5), "calls/s", "one instance, one caller", percentile(b, 0.5),
              ratio, ">= 1.6", ratio >= 1.6});
}

}  // namespace berth::bench
