// Workload: moving the state of a `one` workload from an instance, and into one.
#include <fmt/format.h>

#include "host/workload.h"

namespace berth::host {
namespace {

// A slot that nobody else uses, because the gate is closed and no call runs.
class Taken final {
 public:
  explicit Taken(LiveVersion& live) : live_(live), slot_(live.slots().take()) {}
  ~Taken() { live_.slots().give_back(slot_); }
  Taken(const Taken&) = delete;
  Taken& operator=(const Taken&) = delete;
  [[nodiscard]] Slot& operator*() const { return slot_; }
  [[nodiscard]] Guest* guest() const { return slot_.guest(); }

 private:
  LiveVersion& live_;
  Slot& slot_;
};

}  // namespace

Result<std::optional<Workload::State>> Workload::save(LiveVersion& from) {
  const Taken slot(from);
  if (slot.guest() == nullptr) return std::nullopt;
  auto state = slot.guest()->save(spec_.limits.call);
  if (state && state->size() > kMaxHandoverBytes) {
    return fail(
        Code::kResourceExhausted,
        fmt::format("`save` of the running version: `save` gave {} bytes; at most {} can be handed over",
                    state->size(), kMaxHandoverBytes));
  }
  if (state) return std::move(*state);
  const bool lost = slot.guest()->dead();
  Error error = std::move(state).error().context(
      lost ? "the running instance was destroyed and its state is lost: `save` of the running version"
           : "`save` of the running version");
  if (lost) {
    from.destroy(*slot);
    note(error);
  }
  return fail(std::move(error));
}

Result<void> Workload::restore(LiveVersion& to, const State& state) {
  const Taken slot(to);
  auto restored = slot.guest()->restore(state, spec_.limits.call);
  to.measure(*slot);
  if (!restored) return fail(std::move(restored).error().context("`restore` of the new version"));
  return {};
}

Result<std::optional<Workload::State>> Workload::hand_over(LiveVersion& from, LiveVersion& to) {
  std::optional<State> state = BERTH_TRY(save(from));
  if (state) BERTH_TRY(restore(to, *state));
  return state;
}

Result<void> Workload::renew(LiveVersion& version) {
  const Taken slot(version);
  version.destroy(*slot);
  version.place(*slot, BERTH_TRY(version.version().instantiate(spec_.limits.call)));
  return {};
}

}  // namespace berth::host
