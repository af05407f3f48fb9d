// The table of the update machine.
#include "host/update/machine.h"

#include <algorithm>
#include <array>

namespace berth::host {
namespace {

using enum UpdateEvent;
using E = UpdateEffect;
using P = Phase;
using S = Standing;

constexpr std::array kIdle = {P::kIdle};
constexpr std::array kFetching = {P::kFetching};
constexpr std::array kVerifying = {P::kVerifying};
constexpr std::array kCompiling = {P::kCompiling};
constexpr std::array kWarming = {P::kWarming};
constexpr std::array kShadow = {P::kShadow};
constexpr std::array kPublishing = {P::kPublishing};
constexpr std::array kTrials = {P::kShadow, P::kCanary};
constexpr std::array kBeforeCanary = {P::kWarming, P::kShadow};
constexpr std::array kBeforePublishing = {P::kWarming, P::kShadow, P::kCanary};
constexpr std::array kSteps = {P::kFetching, P::kVerifying, P::kCompiling, P::kWarming, P::kPublishing};
// Only one of two publications at a time can be judged.
constexpr std::array kNotPublishing = {P::kIdle,    P::kFetching, P::kVerifying, P::kCompiling,
                                       P::kWarming, P::kShadow,   P::kCanary};
constexpr std::array kNotRollingBack = {S::kGood, S::kWatching};
constexpr std::array kWatching = {S::kWatching};
constexpr std::array kRollingBack = {S::kRollingBack};

constexpr auto kSame = std::nullopt;
constexpr std::span<const P> kAnyPhase;
constexpr std::span<const S> kAnyStanding;

constexpr TransitionRow kTable[] = {
    // event, in phase, in standing, with hold; to phase, to standing, to hold; what is done
    {kLook, kIdle, kNotRollingBack, kSame, P::kFetching, kSame, kSame, E::kFetch},
    {kNothingNew, kFetching, kAnyStanding, kSame, P::kIdle, kSame, kSame, E::kSchedule},
    {kFetched, kFetching, kAnyStanding, kSame, P::kVerifying, kSame, kSame, E::kVerify},
    {kVerified, kVerifying, kAnyStanding, kSame, P::kCompiling, kSame, kSame, E::kCompile},
    {kCompiled, kCompiling, kAnyStanding, kSame, P::kWarming, kSame, Hold::kNone, E::kWarm},
    {kAsksForMore, kCompiling, kAnyStanding, kSame, P::kIdle, kSame, Hold::kHeld, E::kSchedule},
    {kAccepted, kIdle, kNotRollingBack, Hold::kHeld, P::kWarming, kSame, Hold::kNone, E::kWarm},
    {kTryShadow, kWarming, kAnyStanding, kSame, P::kShadow, kSame, kSame, E::kStartShadow},
    {kTryCanary, kBeforeCanary, kAnyStanding, kSame, P::kCanary, kSame, kSame, E::kStartCanary},
    {kPublish, kBeforePublishing, kNotRollingBack, kSame, P::kPublishing, kSame, kSame, E::kPublish},
    {kDiffers, kShadow, kAnyStanding, kSame, P::kIdle, kSame, Hold::kHeld, E::kEndTrial},
    {kFailed, kSteps, kAnyStanding, kSame, P::kIdle, kSame, kSame, E::kSchedule},
    {kFailed, kTrials, kAnyStanding, kSame, P::kIdle, kSame, kSame, E::kEndTrial},
    {kBad, kTrials, kAnyStanding, kSame, P::kIdle, kSame, kSame, E::kEndTrial},
    {kReplaced, kTrials, kAnyStanding, kSame, P::kIdle, kSame, kSame, E::kEndTrial},
    {kPublished, kPublishing, kAnyStanding, kSame, P::kIdle, S::kWatching, kSame, E::kWatch},
    {kPublishedForGood, kPublishing, kAnyStanding, kSame, P::kIdle, S::kGood, kSame, E::kSettle},
    {kFoundGood, kNotPublishing, kWatching, kSame, kSame, S::kGood, kSame, E::kSettle},
    {kFoundBad, kNotPublishing, kWatching, kSame, kSame, S::kRollingBack, kSame, E::kRollBack},
    {kRolledBack, kAnyPhase, kRollingBack, kSame, kSame, S::kGood, kSame, E::kSchedule},
    {kRollbackFailed, kAnyPhase, kRollingBack, kSame, kSame, S::kWatching, kSame, E::kWatch},
    {kServesOther, kNotPublishing, kWatching, kSame, kSame, S::kGood, kSame, E::kSchedule},
};

template <class T>
bool matches(std::span<const T> allowed, T value) {
  return allowed.empty() || std::ranges::find(allowed, value) != allowed.end();
}

}  // namespace

std::span<const TransitionRow> transitions() { return kTable; }

std::optional<Transition> next(const UpdateMachine& from, UpdateEvent event) {
  for (const TransitionRow& row : kTable) {
    if (row.event != event || !matches(row.phases, from.phase) || !matches(row.standings, from.standing) ||
        (row.hold && *row.hold != from.hold)) {
      continue;
    }
    return Transition{{row.to_phase.value_or(from.phase), row.to_standing.value_or(from.standing),
                       row.to_hold.value_or(from.hold)},
                      row.effect};
  }
  return std::nullopt;
}

std::string_view phase_name(Phase phase) {
  static constexpr std::string_view kNames[] = {"idle",    "fetching", "verifying", "compiling",
                                                "warming", "shadow",   "canary",    "publishing"};
  return kNames[static_cast<std::size_t>(phase)];
}

std::string_view event_name(UpdateEvent event) {
  static constexpr std::string_view kNames[] = {
      "look",        "nothing-new",   "fetched",     "verified",
      "compiled",    "asks-for-more", "accepted",    "try-shadow",
      "try-canary",  "publish",       "differs",     "failed",
      "bad",         "replaced",      "published",   "published-for-good",
      "found-good",  "found-bad",     "rolled-back", "rollback-failed",
      "serves-other"};
  return kNames[static_cast<std::size_t>(event)];
}

}  // namespace berth::host
