// Instance: creation, calls, cancellation, and the hooks WASI asks.
#include "abi/instance.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace berth::abi {

namespace {

OutsidePolicy* policy(void* user) { return static_cast<InstanceState*>(user)->outside(); }

// A policy that throws denies.
template <class F>
bool decide(F ask) noexcept {
  try {
    return ask();
  } catch (...) {
    return false;
  }
}

bool on_connect(void* user, berth_socket_use_t use, const berth_sockaddr_t* addr) {
  OutsidePolicy* p = policy(user);
  if (p == nullptr) return false;
  SocketAddress a;
  a.family = addr->family;
  a.port = addr->port;
  std::copy(std::begin(addr->addr), std::end(addr->addr), std::begin(a.bytes));
  return decide([&] { return p->connect(static_cast<SocketUse>(use), a); });
}
bool on_resolve(void* user, berth_str_t name) {
  OutsidePolicy* p = policy(user);
  return p != nullptr && decide([&] { return p->resolve(view(name)); });
}
bool on_http(void* user, berth_str_t method, berth_str_t scheme, berth_str_t authority, berth_str_t path) {
  OutsidePolicy* p = policy(user);
  return p != nullptr &&
         decide([&] { return p->http(view(method), view(scheme), view(authority), view(path)); });
}
void on_output(void* user, int stream, const uint8_t* data, size_t len) {
  OutsidePolicy* p = policy(user);
  if (p != nullptr) decide([&] { return p->output(stream, {data, len}), true; });
}
void on_file_denied(void* user, const berth_file_denial_t* denial) {
  OutsidePolicy* p = policy(user);
  if (p == nullptr) return;
  const FileDenial d{.why = static_cast<FileRefusal>(denial->why),
                     .operation = view(denial->operation),
                     .directory = view(denial->directory),
                     .path = view(denial->path)};
  decide([&] { return p->file_denied(d), true; });
}

// InstanceOptions as the engine wants them; borrows from both arguments.
class RawConfig {
 public:
  RawConfig(InstanceState& state, const InstanceOptions& options) {
    config_.user = &state;
    config_.max_memory_bytes = options.max_memory_bytes;
    config_.max_table_elements = options.max_table_elements;
    config_.max_core_instances = options.max_core_instances;
    if (options.wasi == nullptr) return;
    const WasiOptions& w = *options.wasi;
    for (const std::string& s : w.args) args_.push_back(str(s));
    for (const std::string& s : w.env) env_.push_back(str(s));
    for (const Preopen& p : w.preopens)
      preopens_.push_back({str(p.host_path), str(p.guest_path), p.access == Access::kReadWrite});
    wasi_.args = args_.data();
    wasi_.args_len = args_.size();
    wasi_.env = env_.data();
    wasi_.env_len = env_.size();
    wasi_.preopens = preopens_.data();
    wasi_.preopens_len = preopens_.size();
    wasi_.inherit_stdio = w.stdio == Stdio::kInherit;
    wasi_.extra_ca_pem = str(w.extra_ca_pem);
    // An output hook would take the guest's output away from the process.
    wasi_.hooks = {on_connect, on_resolve, on_http, w.stdio == Stdio::kInherit ? nullptr : on_output,
                   on_file_denied};
    config_.wasi = &wasi_;
  }
  RawConfig(const RawConfig&) = delete;
  RawConfig& operator=(const RawConfig&) = delete;
  [[nodiscard]] const berth_instance_config_t* get() const { return &config_; }

 private:
  std::vector<berth_str_t> args_;
  std::vector<berth_str_t> env_;
  std::vector<berth_preopen_t> preopens_;
  berth_wasi_config_t wasi_{};
  berth_instance_config_t config_{};
};

}  // namespace

Instance::Instance(std::shared_ptr<const Pre> pre, std::shared_ptr<InstanceState> state, Executor* executor,
                   berth_instance_t* instance)
    : pre_(std::move(pre)), state_(std::move(state)), executor_(executor), instance_(instance) {
  state_->set_instance(this);
}

Instance::~Instance() {
  state_->set_instance(nullptr);
  berth_instance_free(instance_);
}

Result<std::unique_ptr<Instance>> Instance::create(std::shared_ptr<const Pre> pre,
                                                   std::shared_ptr<InstanceState> state,
                                                   const InstanceOptions& options) {
  const RawConfig config(*state, options);
  berth_instance_t* raw = nullptr;
  if (auto r = check(berth_instance_new(pre->raw(), config.get(), options.start_ticks, &raw), state.get());
      !r)
    return fail(std::move(r).error());
  return std::unique_ptr<Instance>(new Instance(std::move(pre), std::move(state), options.executor, raw));
}

Task<Result<std::unique_ptr<Instance>>> Instance::create_async(std::shared_ptr<const Pre> pre,
                                                               std::shared_ptr<InstanceState> state,
                                                               InstanceOptions options) {
  if (options.executor == nullptr)
    co_return fail(Code::kInvalidArgument, "create_async needs InstanceOptions::executor");
  berth_instance_t* raw = nullptr;
  FibreRun run(*options.executor);
  {
    const RawConfig config(*state, options);
    berth_task_t* task = nullptr;
    if (auto r = check(berth_instance_start(pre->raw(), config.get(), options.start_ticks, &raw,
                                            &FibreRun::wake, run.control().get(), &task),
                       state.get());
        !r)
      co_return fail(std::move(r).error());
    run.adopt(task);
    if (options.starting) options.starting(run.control());
  }
  if (auto r = check(co_await run, state.get()); !r) co_return fail(std::move(r).error());
  co_return std::unique_ptr<Instance>(new Instance(std::move(pre), std::move(state), options.executor, raw));
}

void Instance::set_running(std::shared_ptr<FibreControl> control) {
  std::lock_guard lock(running_mutex_);
  running_ = std::move(control);
}

void Instance::cancel(FailureKind reason) {
  std::lock_guard lock(running_mutex_);
  if (running_ != nullptr) running_->cancel(reason);
}

Task<Result<void>> Instance::call_async(Export function, berth_call_t& call) {
  if (executor_ == nullptr)
    co_return fail(Code::kInvalidArgument, "a fibre call needs InstanceOptions::executor");
  call.deadline_ticks = deadline_ticks_;
  FibreRun run(*executor_);
  berth_task_t* task = nullptr;
  if (auto r =
          check(berth_call_start(instance_, function, &call, &FibreRun::wake, run.control().get(), &task),
                state_.get());
      !r)
    co_return r;
  run.adopt(task);
  set_running(run.control());
  berth_error_t* error = co_await run;
  set_running(nullptr);
  co_return check(error, state_.get());
}

Task<Result<std::string>> Instance::invoke(std::string call) {
  if (executor_ == nullptr) co_return fail(Code::kInvalidArgument, "invoke needs InstanceOptions::executor");
  FibreRun run(*executor_);
  berth_task_t* task = nullptr;
  berth_bytes_t out{};
  if (auto r = check(berth_invoke_start(instance_, str(call), deadline_ticks_, &out, &FibreRun::wake,
                                        run.control().get(), &task),
                     state_.get());
      !r)
    co_return fail(std::move(r).error());
  run.adopt(task);
  set_running(run.control());
  berth_error_t* error = co_await run;
  set_running(nullptr);
  if (auto r = check(error, state_.get()); !r) co_return fail(std::move(r).error());
  std::string text(reinterpret_cast<const char*>(out.data), out.len);
  berth_bytes_free(out);
  co_return text;
}

void Instance::drop_guest_resource(std::uint32_t id) {
  if (berth_instance_is_dead(instance_)) return;
  // A trap in the guest's destructor leaves the instance dead; the next call says so.
  if (berth_error_t* error = berth_resource_drop(instance_, id)) (void)take(error);
}

}  // namespace berth::abi
