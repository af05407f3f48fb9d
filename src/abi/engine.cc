// Engine: creation, and the key of its code.
#include "abi/engine.h"

#include <algorithm>
#include <utility>

#include "abi/failure.h"

namespace berth::abi {

Result<std::shared_ptr<Engine>> Engine::create(const EngineOptions& options) {
  return create(options, std::make_shared<EpochClock>(options.tick));
}

Result<std::shared_ptr<Engine>> Engine::create_beside(const Engine& other, Compiler compiler) {
  EngineOptions options = other.options();
  options.compiler = compiler;
  return create(options, other.clock_);
}

Result<std::shared_ptr<Engine>> Engine::create(const EngineOptions& options,
                                               std::shared_ptr<EpochClock> clock) {
  berth_engine_config_t config{};
  config.winch = options.compiler == Compiler::kWinch;
  config.pooling = options.allocation != Allocation::kOnDemand;
  config.compile_only = options.allocation == Allocation::kPoolElsewhere;
  config.max_instances = options.max_instances;
  config.max_memory_bytes = options.max_memory_bytes;
  config.max_table_elements = options.max_table_elements;
  config.max_wasm_stack_bytes = options.max_wasm_stack_bytes;
  config.async_stack_bytes = options.async_stack_bytes;
  berth_engine_t* raw = nullptr;
  BERTH_TRY(check(berth_engine_new(&config, &raw)));
  std::shared_ptr<Engine> engine(new Engine(options, raw, std::move(clock)));
  berth_bytes_t key{};
  BERTH_TRY(check(berth_engine_key(raw, &key)));
  engine->key_.assign(reinterpret_cast<const char*>(key.data), key.len);
  berth_bytes_free(key);
  return engine;
}

Engine::Engine(const EngineOptions& options, berth_engine_t* engine, std::shared_ptr<EpochClock> clock)
    : options_(options), engine_(engine), clock_(std::move(clock)) {
  clock_->add(engine_);
}

Engine::~Engine() {
  clock_->remove(engine_);
  berth_engine_free(engine_);
}

std::uint64_t Engine::ticks(std::chrono::nanoseconds time) const {
  const std::chrono::nanoseconds tick =
      options_.tick > std::chrono::microseconds::zero() ? options_.tick : std::chrono::milliseconds(1);
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(1, (time + tick - std::chrono::nanoseconds(1)) / tick));
}

}  // namespace berth::abi
