// ComponentVersion: making instances, and the Guest around each.
#include "host/component/component_version.h"

#include <mutex>
#include <utility>

#include "host/component/outside.h"
#include "host/wait.h"

namespace berth::host {
namespace {

std::uint64_t ticks(const abi::Pre& pre, Deadline deadline) {
  return deadline.count() > 0 ? pre.engine().ticks(deadline) : 0;
}

abi::FailureKind reason(Guest::Cancel why) {
  return why == Guest::Cancel::kDeadline ? abi::FailureKind::kLimitTime : abi::FailureKind::kCancelled;
}

// One instance of a component.
// One thread at a time, except cancel().
class ComponentGuest final : public Guest {
 public:
  ComponentGuest(std::unique_ptr<abi::Instance> instance, std::shared_ptr<void> exports,
                 const Lifecycle& lifecycle)
      : instance_(std::move(instance)), exports_(std::move(exports)), lifecycle_(lifecycle) {}

  void* exports() override { return exports_.get(); }
  bool dead() const override { return instance_->dead(); }
  std::uint64_t memory_bytes() const override { return instance_->memory_bytes(); }
  void set_deadline(Deadline deadline) override {
    if (deadline == deadline_) return;
    deadline_ = deadline;
    instance_->set_deadline(ticks(instance_->pre(), deadline));
  }
  void cancel(Cancel why) noexcept override { instance_->cancel(reason(why)); }
  Outcome outcome(const Error& error) const override {
    if (!dead()) return outcome_of(error.code(), false);
    const abi::Failure& failure = instance_->state().failure();
    if (failure.by_limit()) return Outcome::kTrapLimit;
    switch (failure.kind) {
      case abi::FailureKind::kTrap: return Outcome::kTrapBug;
      case abi::FailureKind::kCancelled: return Outcome::kTrapLimit;
      case abi::FailureKind::kExit: return Outcome::kGuestError;
      default: return Outcome::kHostError;
    }
  }

  Result<void> probe(Deadline deadline) override { return lifecycle(deadline).probe(*instance_, deadline); }
  Result<std::vector<std::uint8_t>> save(Deadline deadline) override {
    return lifecycle(deadline).save(*instance_, deadline);
  }
  Result<void> restore(std::span<const std::uint8_t> state, Deadline deadline) override {
    return lifecycle(deadline).restore(*instance_, state, deadline);
  }

 private:
  const Lifecycle& lifecycle(Deadline deadline) {
    deadline_ = deadline;  // it sets the instance's own
    return lifecycle_;
  }

  std::unique_ptr<abi::Instance> instance_;
  std::shared_ptr<void> exports_;  // goes before the instance that it calls
  const Lifecycle& lifecycle_;     // the version's, which outlives its guests
  Deadline deadline_{-1};          // what the instance was told last
};

// Stops a start from outside: the instantiation itself, and then what the new instance is told.
// Thread-safe.
struct StopStart {
  std::shared_ptr<abi::FibreControl> fibre;  // set before anybody cancels

  void cancel(Guest::Cancel why) {
    const std::lock_guard lock(mutex);
    cancelled = true;
    fibre->cancel(reason(why));
    if (guest != nullptr) guest->cancel(why);
  }
  // What cancel() stops from now on. False when it was called already.
  bool follow(Guest* next) {
    const std::lock_guard lock(mutex);
    guest = next;
    return !cancelled;
  }

 private:
  std::mutex mutex;
  bool cancelled = false;
  Guest* guest = nullptr;
};

}  // namespace

std::shared_ptr<abi::InstanceState> ComponentVersion::new_state() const {
  std::shared_ptr<abi::InstanceState> state = abi::InstanceState::create();
  if (parts_.needs_wasi) state->set_outside(outside_policy(parts_.outside));
  for (const auto& grant : parts_.grants) grant->prepare(*state);
  return state;
}

abi::InstanceOptions ComponentVersion::options(Deadline deadline) const {
  return {.max_memory_bytes = parts_.limits.memory_bytes,
          .max_table_elements = parts_.limits.table_elements,
          .max_core_instances = parts_.limits.core_instances,
          .wasi = parts_.needs_wasi ? &parts_.wasi : nullptr,
          .start_ticks = ticks(*parts_.pre, deadline),
          .executor = parts_.executor};
}

Result<std::unique_ptr<Guest>> ComponentVersion::bind(std::unique_ptr<abi::Instance> instance) const {
  std::shared_ptr<void> exports = BERTH_TRY(parts_.binder.make(*instance));
  return std::make_unique<ComponentGuest>(std::move(instance), std::move(exports), parts_.lifecycle);
}

Task<Result<void>> ComponentVersion::begin(Guest& guest, Deadline deadline) const {
  if (!parts_.binder.begin) co_return Result<void>();
  guest.set_deadline(deadline);
  co_return co_await parts_.binder.begin(guest.exports());
}

Result<std::unique_ptr<Guest>> ComponentVersion::instantiate(Deadline deadline) const {
  if (!about().fibre) {
    auto guest =
        BERTH_TRY(bind(BERTH_TRY(abi::Instance::create(parts_.pre, new_state(), options(deadline)))));
    BERTH_TRY(wait_for(begin(*guest, deadline), {}, [] {}));  // it does not wait
    return guest;
  }
  Canceller cancel;
  return wait_for(instantiate_async(deadline, [&](Canceller canceller) { cancel = std::move(canceller); }),
                  deadline, [&] {
                    if (cancel) cancel(Guest::Cancel::kDeadline);
                  });
}

Task<Result<std::unique_ptr<Guest>>> ComponentVersion::instantiate_async(
    Deadline deadline, std::function<void(Canceller)> starting) const {
  if (!about().fibre) co_return instantiate(deadline);
  const auto stop = std::make_shared<StopStart>();
  abi::InstanceOptions how = options(deadline);
  how.starting = [&](std::shared_ptr<abi::FibreControl> fibre) {
    stop->fibre = std::move(fibre);
    starting([stop](Guest::Cancel why) { stop->cancel(why); });
  };
  auto guest = BERTH_CO_TRY(
      bind(BERTH_CO_TRY(co_await abi::Instance::create_async(parts_.pre, new_state(), std::move(how)))));
  if (!stop->follow(guest.get())) co_return fail(Code::kCancelled, "stopped while it started");
  auto begun = co_await begin(*guest, deadline);
  (void)stop->follow(nullptr);
  if (!begun) co_return std::unexpected(std::move(begun).error());
  co_return guest;
}

}  // namespace berth::host
