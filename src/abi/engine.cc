// Engine: creation and the clock of epochs.
#include "abi/engine.h"

#include <algorithm>

#include "abi/failure.h"

namespace berth::abi {

Result<std::shared_ptr<Engine>> Engine::create(const EngineOptions& options) {
  berth_engine_config_t config{};
  config.winch = options.compiler == Compiler::kWinch;
  config.pooling = options.allocation == Allocation::kPooling;
  config.max_instances = options.max_instances;
  config.max_memory_bytes = options.max_memory_bytes;
  config.max_table_elements = options.max_table_elements;
  config.max_wasm_stack_bytes = options.max_wasm_stack_bytes;
  config.async_stack_bytes = options.async_stack_bytes;
  berth_engine_t* engine = nullptr;
  if (auto r = check(berth_engine_new(&config, &engine)); !r) return fail(std::move(r).error());
  return std::shared_ptr<Engine>(new Engine(options, engine));
}

Engine::Engine(const EngineOptions& options, berth_engine_t* engine) : options_(options), engine_(engine) {
  if (options_.tick > std::chrono::microseconds::zero())
    clock_ = std::jthread([this](const std::stop_token& stop) { run_clock(stop); });
}

Engine::~Engine() {
  if (clock_.joinable()) {
    clock_.request_stop();
    clock_.join();
  }
  berth_engine_free(engine_);
}

std::uint64_t Engine::ticks(std::chrono::nanoseconds time) const {
  const std::chrono::nanoseconds tick =
      options_.tick > std::chrono::microseconds::zero() ? options_.tick : std::chrono::milliseconds(1);
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(1, (time + tick - std::chrono::nanoseconds(1)) / tick));
}

void Engine::run_clock(const std::stop_token& stop) {
  auto next = std::chrono::steady_clock::now() + options_.tick;
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    stopped_.wait_until(lock, stop, next, [] { return false; });
    berth_engine_tick(engine_);
    next += options_.tick;
    // After a stall, go on from now: a burst of ticks would end calls that had no time to run.
    next = std::max(next, std::chrono::steady_clock::now());
  }
}

}  // namespace berth::abi
