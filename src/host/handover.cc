// Workload: moving the state of instances that keep it.
#include <fmt/format.h>

#include "host/workload.h"

namespace berth::host {

Result<std::optional<std::vector<std::uint8_t>>> Workload::save(LiveVersion& from, std::uint32_t shard) {
  Slot& slot = from.shard(shard);
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
    from.destroy(slot);
    note(error);
  }
  return fail(std::move(error));
}

Result<void> Workload::restore(LiveVersion& to, std::uint32_t shard, std::span<const std::uint8_t> state) {
  Slot& slot = to.shard(shard);
  auto restored = slot.guest()->restore(state, spec_.limits.call);
  to.measure(slot);
  if (!restored) return fail(std::move(restored).error().context("`restore` of the new version"));
  return {};
}

// Everything is saved before anything is restored: a shard that cannot be saved costs no time.
Result<Workload::States> Workload::hand_over(LiveVersion& from, LiveVersion& to) {
  States states;
  for (std::uint32_t shard = 0; shard < shards(); ++shard) states.push_back(BERTH_TRY(save(from, shard)));
  for (std::uint32_t shard = 0; shard < shards(); ++shard) {
    if (states[shard]) BERTH_TRY(restore(to, shard, *states[shard]));
  }
  return states;
}

Result<void> Workload::renew(LiveVersion& version, std::uint32_t shard) {
  Slot& slot = version.shard(shard);
  version.destroy(slot);
  version.place(slot, BERTH_TRY(version.version().instantiate(spec_.limits.call)));
  return {};
}

}  // namespace berth::host
