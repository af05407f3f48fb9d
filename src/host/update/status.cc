// Names of states and records.
#include "host/update/status.h"

namespace berth::host {

std::string_view state_name(UpdateState state) {
  static constexpr std::string_view kNames[] = {
      "idle",   "fetching",   "verifying", "compiling", "held",         "warming",     "shadow",
      "canary", "publishing", "watching",  "good",      "rolling-back", "rolled-back", "refused"};
  return kNames[static_cast<std::size_t>(state)];
}

UpdateState shown_state(const UpdateMachine& machine, UpdateState last) {
  if (machine.standing == Standing::kRollingBack) return UpdateState::kRollingBack;
  switch (machine.phase) {
    case Phase::kFetching: return UpdateState::kFetching;
    case Phase::kVerifying: return UpdateState::kVerifying;
    case Phase::kCompiling: return UpdateState::kCompiling;
    case Phase::kWarming: return UpdateState::kWarming;
    case Phase::kShadow: return UpdateState::kShadow;
    case Phase::kCanary: return UpdateState::kCanary;
    case Phase::kPublishing: return UpdateState::kPublishing;
    case Phase::kIdle: break;
  }
  if (machine.standing == Standing::kWatching) return UpdateState::kWatching;
  return machine.hold == Hold::kHeld ? UpdateState::kHeld : last;
}

std::string_view record_name(UpdateRecord::What what) {
  static constexpr std::string_view kNames[] = {"published",   "good",     "refused", "held",     "accepted",
                                                "rolled-back", "replaced", "pinned",  "unpinned", "allowed"};
  return kNames[static_cast<std::size_t>(what)];
}

}  // namespace berth::host
