// Stage: loading and starting hostile workloads.
#include "tests/hostile/stage.h"

#include <utility>
#include <vector>

#include "host/component/binder.h"

namespace berth::hostile {
namespace {

// Grants berth:hostile/things.
// Immutable.
class ThingsGrant final : public host::Grant {
 public:
  [[nodiscard]] std::string_view capability() const override { return "things"; }
  [[nodiscard]] bool covers(std::string_view interface) const override {
    return interface == kThingsInterface;
  }
  [[nodiscard]] Result<void> link(abi::Linker& linker) const override { return add_things(linker); }
  void prepare(abi::InstanceState& state) const override {
    state.provide<Things>(std::make_shared<Things>());
  }
};

}  // namespace

Worker::~Worker() {
  post(nullptr);
  thread_.join();
}

void Worker::post(std::move_only_function<void()> work) {
  std::lock_guard lock(mutex_);
  work_.push_back(std::move(work));
  posted_.notify_one();
}

void Worker::run() {
  for (;;) {
    std::unique_lock lock(mutex_);
    posted_.wait(lock, [this] { return !work_.empty(); });
    auto work = std::move(work_.front());
    work_.pop_front();
    lock.unlock();
    if (!work) return;
    work();
  }
}

Result<std::uint32_t> HostileGuest::call(std::string_view name) {
  using Call = abi::Call<std::uint32_t>;
  const abi::Function function = BERTH_TRY(Call::find(instance_.pre(), "", name, "func() -> u32"));
  return Call::run(instance_, function);
}

void StageTest::SetUp() {
  abi::EngineOptions options = engine_options();
  options.max_instances = 200;  // versions that drain keep theirs for a while
  options.tick = std::chrono::microseconds::zero();
  auto engine = abi::Engine::create(options);
  ASSERT_TRUE(engine) << engine.error().to_string();
  engine_ = *engine;
  loader_.emplace(engine_, worker_, std::vector<host::CapabilityInfo>{});
  host_.emplace(worker_, metrics_);
}

Result<std::shared_ptr<const host::Version>> StageTest::version(std::string_view guest,
                                                                std::chrono::milliseconds call_limit) {
  std::vector<std::uint8_t> bytes = guest_binary(guest);
  const artifact::Digest digest = artifact::Digest::of(bytes).value();
  host::LoadRequest request;
  request.workload = guest;
  request.limits = limits(call_limit);
  request.grants = {std::make_shared<ThingsGrant>()};
  request.binder = host::bind_as<HostileGuest>([](const abi::Pre&) -> Result<void> { return {}; },
                                               [](abi::Instance& i) -> Result<std::unique_ptr<HostileGuest>> {
                                                 return std::make_unique<HostileGuest>(i);
                                               });
  return loader_->load({.source = std::string(guest), .digest = digest, .bytes = std::move(bytes)}, request);
}

std::shared_ptr<host::Workload> StageTest::start(std::string name, std::string_view guest,
                                                 host::InstancePolicy policy,
                                                 std::chrono::milliseconds call_limit,
                                                 std::chrono::milliseconds drain) {
  auto first = version(guest, call_limit);
  if (!first) return ADD_FAILURE() << first.error().to_string(), nullptr;
  host::WorkloadSpec spec;
  spec.name = std::move(name);
  spec.instances = policy;
  spec.limits = limits(call_limit);
  spec.drain = drain;
  auto workload = host_->start(std::move(spec), *first);
  if (!workload) return ADD_FAILURE() << workload.error().to_string(), nullptr;
  return *workload;
}

host::WorkloadLimits StageTest::limits(std::chrono::milliseconds call_limit) {
  host::WorkloadLimits limits;
  limits.memory_bytes = kMaxMemoryBytes;
  limits.table_elements = kMaxTableElements;
  limits.call = call_limit;
  return limits;
}

Result<std::uint32_t> StageTest::call(const std::shared_ptr<host::Workload>& workload,
                                      std::string_view name) {
  auto typed = BERTH_TRY(host::Typed<HostileGuest>::of(workload));
  return typed.call({}, [&](HostileGuest& guest) { return guest.call(name); });
}

Result<void> StageTest::attack(const std::shared_ptr<host::Workload>& workload, const Attack& attack) {
  auto typed = BERTH_TRY(host::Typed<HostileGuest>::of(workload));
  return typed.call({}, [&](HostileGuest& guest) { return guest.attack(attack); });
}

}  // namespace berth::hostile
