// Instance: one running copy of a component.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "abi/fibre.h"
#include "abi/linker.h"
#include "abi/state.h"
#include "base/error.h"
#include "base/executor.h"
#include "base/task.h"
#include "engine/include/berth_engine.h"

namespace berth::abi {

enum class Access : std::uint8_t { kReadOnly, kReadWrite };
struct Preopen {
  std::string host_path;
  std::string guest_path;
  Access access = Access::kReadOnly;
};
enum class Stdio : std::uint8_t {
  kPolicy,
  kInherit
};  // output goes to OutsidePolicy::output, or is the process's own

struct WasiOptions {
  std::vector<std::string> args;
  std::vector<std::string> env;  // "KEY=VALUE"
  std::vector<Preopen> preopens;
  Stdio stdio = Stdio::kPolicy;
  std::string extra_ca_pem;  // more trusted certificate authorities for wasi:http
};

struct InstanceOptions {
  std::uint64_t max_memory_bytes = 0;    // per linear memory, rounded down to pages; 0 = the engine's
  std::uint32_t max_table_elements = 0;  // per table; 0 = the engine's
  std::uint32_t max_core_instances = 0;  // 0 = 100
  const WasiOptions* wasi = nullptr;     // needed when the component imports WASI; read during creation only
  std::uint64_t start_ticks = 0;         // deadline of instantiation in ticks; 0 = none
  Executor* executor = nullptr;          // where fibre calls go on; outlives the instance
  // create_async only, may be empty: is given the fibre that instantiates before it first runs, so that
  // another thread can cancel a start function that waits in a host call.
  std::function<void(std::shared_ptr<FibreControl>)> starting;
};

// Owns the instance. Its limits are exact; a dead instance (trap, cancellation) answers every call
// with an error and must be thrown away. Destroying it drops its resources and detaches its state;
// not while one of its calls runs.
// One thread at a time, except cancel.
class Instance final {
 public:
  // On this thread. kInvalidArgument when the pre is asynchronous.
  [[nodiscard]] static Result<std::unique_ptr<Instance>> create(std::shared_ptr<const Pre> pre,
                                                                std::shared_ptr<InstanceState> state,
                                                                const InstanceOptions& options);
  // On a fibre; works for every pre. options.executor is required.
  [[nodiscard]] static Task<Result<std::unique_ptr<Instance>>> create_async(
      std::shared_ptr<const Pre> pre, std::shared_ptr<InstanceState> state, InstanceOptions options);
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
  ~Instance();

  // Linear memory now committed to the guest.
  [[nodiscard]] std::uint64_t memory_bytes() const { return berth_instance_memory(instance_); }
  [[nodiscard]] bool dead() const { return berth_instance_is_dead(instance_); }

  // Deadline in ticks of each following call, from its start; 0 = none. Engine::ticks converts.
  void set_deadline(std::uint64_t ticks) { deadline_ticks_ = ticks; }
  [[nodiscard]] std::uint64_t deadline() const { return deadline_ticks_; }

  // Ends the fibre call that runs or waits, if any: it returns kCancelled (or kDeadlineExceeded for
  // kLimitTime) and the instance is dead. The clock of deadlines does not interrupt a guest that
  // waits in a host call: arm a timer that calls this. Any thread; does not block.
  void cancel(FailureKind reason = FailureKind::kCancelled);

  // Calls an export with WAVE text, "name(args)" or "iface#name(args)"; the answer is WAVE text.
  [[nodiscard]] Task<Result<std::string>> invoke(std::string call);

  [[nodiscard]] const Pre& pre() const { return *pre_; }
  [[nodiscard]] InstanceState& state() const { return *state_; }

  // ---- for the bindings -----------------------------------------------------------------------

  // Inline. The call's ctx, lower, lift and args are set; the deadline is set here.
  [[nodiscard]] berth_error_t* call(Export function, berth_call_t& call) {
    call.deadline_ticks = deadline_ticks_;
    return berth_call(instance_, function, &call);
  }
  // Fibre; `call` outlives the task.
  [[nodiscard]] Task<Result<void>> call_async(Export function, berth_call_t& call);
  [[nodiscard]] Error take(berth_error_t* error) { return take_error(error, state_.get()); }
  void drop_guest_resource(std::uint32_t id);

 private:
  Instance(std::shared_ptr<const Pre> pre, std::shared_ptr<InstanceState> state, Executor* executor,
           berth_instance_t* instance);
  void set_running(std::shared_ptr<FibreControl> control);

  std::shared_ptr<const Pre> pre_;
  std::shared_ptr<InstanceState> state_;
  Executor* executor_;
  berth_instance_t* instance_;
  std::uint64_t deadline_ticks_ = 0;
  std::mutex running_mutex_;
  std::shared_ptr<FibreControl> running_;
};

}  // namespace berth::abi
