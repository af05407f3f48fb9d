// Deadline: how many epoch ticks past its deadline an endless loop is stopped.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include <bindings/bench_bindings.h>

#include "abi/component.h"
#include "abi/engine.h"
#include "abi/instance.h"
#include "abi/linker.h"
#include "bench/suite.h"

namespace berth::bench {
namespace {
namespace wit_bench = wit::bench::berth::bench;

class Ticks final : public wit_bench::Host {
  Result<std::uint32_t> tick(std::uint32_t x) override { return x; }
};
}  // namespace

void deadline(Report& report) {
  constexpr int kCalls = 50;
  constexpr std::uint64_t kDeadline = 5;  // ticks
  std::vector<std::uint8_t> bytes = guest("bench");
  // The clock is ours, so that ticks are counted, not guessed from a wall clock.
  auto engine = need(abi::Engine::create({.tick = std::chrono::microseconds(0)}), "engine");
  auto component = need(abi::Component::compile(engine, bytes), "compile");
  auto linker = need(abi::Linker::create(engine), "linker");
  need(wit_bench::Host::add_to_linker(linker), "link");
  auto pre = need(linker.link(component), "link");
  Ticks ticks;

  std::atomic<std::uint64_t> clock = 0;
  std::jthread ticker([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      clock.fetch_add(1);
      engine->tick();
    }
  });
  double worst = 0;
  bool all_stopped = true;
  for (int i = 0; i < kCalls; ++i) {
    auto state = abi::InstanceState::create();
    state->provide<wit_bench::Host>(ticks);
    auto instance = need(abi::Instance::create(pre, state, {}), "instantiate");
    auto g = need(wit_bench::GuestExport::create(*instance), "exports");
    instance->set_deadline(kDeadline);
    std::uint64_t start = clock;
    Result<void> result = g.spin();
    std::uint64_t took = clock - start;
    all_stopped = all_stopped && !result && result.error().code() == Code::kDeadlineExceeded;
    worst = std::max(worst, static_cast<double>(took) - static_cast<double>(kDeadline));
  }
  report.add({"deadline_overshoot", worst, "ticks", "worst of 50", 0, 0, "<= 2", all_stopped && worst <= 2});
}

}  // namespace berth::bench
