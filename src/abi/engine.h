// Engine: one wasm engine with its pool and its clock of epochs.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "abi/epoch_clock.h"
#include "base/error.h"
#include "engine/include/berth_engine.h"

namespace berth::abi {

enum class Compiler : std::uint8_t { kCranelift, kWinch };
enum class Allocation : std::uint8_t {
  kPooling,
  kOnDemand,
  kPoolElsewhere,  // compiles for engines with kPooling and otherwise equal options; makes no instance
};

struct EngineOptions {
  Compiler compiler = Compiler::kCranelift;
  Allocation allocation = Allocation::kPooling;
  std::uint32_t max_instances = 1'000;             // component instances alive at once
  std::uint64_t max_memory_bytes = 64ull << 20;    // hard maximum of one linear memory
  std::uint32_t max_table_elements = 20'000;       // hard maximum of one table
  std::uint32_t max_wasm_stack_bytes = 128 << 10;  // stack a guest may use
  std::uint32_t async_stack_bytes = 256 << 10;     // whole stack of one fibre
  // Length of one epoch tick. Deadlines are exact to two ticks, and a computing guest on the fibre
  // path lets others run once a tick. Zero: nobody ticks but tick().
  std::chrono::microseconds tick = std::chrono::milliseconds(1);
};

// Owns the compiler and the pool, and is ticked by a thread. Components, pres and instances keep it
// alive.
// Thread-safe.
class Engine final {
 public:
  // kInvalidArgument when the options contradict each other.
  [[nodiscard]] static Result<std::shared_ptr<Engine>> create(const EngineOptions& options);
  // With another compiler, and ticked by the same thread: an engine runs the code of one compiler only
  // (their calling conventions differ).
  [[nodiscard]] static Result<std::shared_ptr<Engine>> create_beside(const Engine& other, Compiler compiler);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  [[nodiscard]] const EngineOptions& options() const { return options_; }
  // Names the code that this engine makes and takes: compiler, versions and settings. Fit for a file
  // name. Engines with equal keys can run each other's code.
  [[nodiscard]] const std::string& key() const { return key_; }
  // Ticks that cover `time`: rounded up, at least one. With a tick of zero: one tick a millisecond.
  [[nodiscard]] std::uint64_t ticks(std::chrono::nanoseconds time) const;
  void tick() const { berth_engine_tick(engine_); }

  [[nodiscard]] const berth_engine_t* raw() const { return engine_; }

 private:
  static Result<std::shared_ptr<Engine>> create(const EngineOptions& options,
                                                std::shared_ptr<EpochClock> clock);
  Engine(const EngineOptions& options, berth_engine_t* engine, std::shared_ptr<EpochClock> clock);

  EngineOptions options_;
  berth_engine_t* engine_;
  std::shared_ptr<EpochClock> clock_;
  std::string key_;
};

}  // namespace berth::abi
