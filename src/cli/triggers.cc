// Triggers: the list, and what each application's parts are wired to.
#include "cli/triggers.h"

#include "applications/statestore/native/component_store.h"
#include "applications/statestore/native/state_servers.h"
#include "applications/statestore/native/state_trigger.h"
#include "applications/statestore/native/workload_store.h"
#include "host/call.h"
#include "manifest/problems.h"

namespace berth::cli {

namespace {

class StateTriggers final : public RunningTriggers {
 public:
  explicit StateTriggers(net::IoContext& io) : servers_(io) {}

  Result<void> add(const TriggerSpec& spec) {
    manifest::Problems problems(spec.at.file);
    const auto trigger = statestore::read_state_trigger(*spec.value, "state", problems);
    if (!trigger) return fail(problems.to_error());
    auto typed = BERTH_TRY(host::Typed<statestore::Store>::of(spec.workload));
    return servers_.add(*trigger, std::make_shared<statestore::WorkloadStore>(std::move(typed)));
  }
  Result<void> start() { return servers_.start(); }
  [[nodiscard]] std::vector<std::string> addresses() const override { return servers_.addresses(); }
  void stop(std::chrono::milliseconds drain) override { servers_.stop(drain); }

 private:
  statestore::StateServers servers_;
};

TriggerKind state_trigger() {
  return {.extension = statestore::state_extension(),
          .binder = statestore::store_binder,
          .start = [](const std::vector<TriggerSpec>& specs,
                      const TriggerServices& services) -> Result<std::unique_ptr<RunningTriggers>> {
            auto triggers = std::make_unique<StateTriggers>(services.io);
            for (const TriggerSpec& spec : specs) {
              if (auto added = triggers->add(spec); !added) return fail(std::move(added).error().at(spec.at));
            }
            BERTH_TRY(triggers->start());
            return triggers;
          }};
}

}  // namespace

std::vector<TriggerKind> all_trigger_kinds() { return {state_trigger()}; }

}  // namespace berth::cli
