// The update machine: every state with every event, and the paths of an update through it.
#include "host/update/machine.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "host/update/status.h"

namespace berth::host {
namespace {

using E = UpdateEvent;
using P = Phase;
using S = Standing;

constexpr int kPhases = 8, kStandings = 3, kEvents = 21;

UpdateMachine machine(int phase, int standing, Hold hold) {
  return {static_cast<P>(phase), static_cast<S>(standing), hold};
}

// An update, event by event, with the state that is shown after each.
struct Step {
  E event;
  UpdateState shown;
};
struct Path {
  const char* name;
  std::vector<Step> steps;
  UpdateState last = UpdateState::kIdle;  // what the rollout says of the last update
};

class Paths : public testing::TestWithParam<Path> {};

TEST_P(Paths, IsWalked) {
  UpdateMachine m;
  for (const Step& step : GetParam().steps) {
    const auto transition = next(m, step.event);
    ASSERT_TRUE(transition) << event_name(step.event) << " in " << phase_name(m.phase);
    m = transition->to;
    EXPECT_EQ(state_name(shown_state(m, GetParam().last)), state_name(step.shown)) << event_name(step.event);
  }
}

using U = UpdateState;
const std::vector<Step> kToWarm = {{E::kLook, U::kFetching},
                                   {E::kFetched, U::kVerifying},
                                   {E::kVerified, U::kCompiling},
                                   {E::kCompiled, U::kWarming}};

std::vector<Step> then(std::vector<Step> first, std::vector<Step> second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

INSTANTIATE_TEST_SUITE_P(
    All, Paths,
    testing::Values(
        Path{"nothing_new", {{E::kLook, U::kFetching}, {E::kNothingNew, U::kIdle}}},
        Path{"good",
             then(kToWarm,
                  {{E::kPublish, U::kPublishing}, {E::kPublished, U::kWatching}, {E::kFoundGood, U::kGood}}),
             U::kGood},
        Path{"unwatched", then(kToWarm, {{E::kPublish, U::kPublishing}, {E::kPublishedForGood, U::kGood}}),
             U::kGood},
        Path{"rolled_back",
             then(kToWarm, {{E::kPublish, U::kPublishing},
                            {E::kPublished, U::kWatching},
                            {E::kFoundBad, U::kRollingBack},
                            {E::kRollbackFailed, U::kWatching},
                            {E::kFoundBad, U::kRollingBack},
                            {E::kRolledBack, U::kRolledBack}}),
             U::kRolledBack},
        Path{"canary", then(kToWarm, {{E::kTryCanary, U::kCanary},
                                      {E::kPublish, U::kPublishing},
                                      {E::kPublished, U::kWatching}})},
        Path{"bad_canary", then(kToWarm, {{E::kTryCanary, U::kCanary}, {E::kBad, U::kRolledBack}}),
             U::kRolledBack},
        Path{"shadow_then_canary",
             then(kToWarm,
                  {{E::kTryShadow, U::kShadow}, {E::kTryCanary, U::kCanary}, {E::kPublish, U::kPublishing}})},
        Path{"shadow_that_differs", then(kToWarm, {{E::kTryShadow, U::kShadow},
                                                   {E::kDiffers, U::kHeld},
                                                   {E::kAccepted, U::kWarming},
                                                   {E::kPublish, U::kPublishing}})},
        Path{"held",
             {{E::kLook, U::kFetching},
              {E::kFetched, U::kVerifying},
              {E::kVerified, U::kCompiling},
              {E::kAsksForMore, U::kHeld},
              {E::kLook, U::kFetching},
              {E::kNothingNew, U::kHeld},
              {E::kAccepted, U::kWarming},
              {E::kPublish, U::kPublishing},
              {E::kPublished, U::kWatching}}},
        Path{"a_look_while_watched",
             then(then(kToWarm, {{E::kPublish, U::kPublishing}, {E::kPublished, U::kWatching}}),
                  {{E::kLook, U::kFetching},
                   {E::kFoundBad, U::kRollingBack},
                   {E::kFetched, U::kRollingBack},
                   {E::kRolledBack, U::kVerifying}})},
        Path{"replaced_by_hand", then(kToWarm, {{E::kTryCanary, U::kCanary}, {E::kReplaced, U::kIdle}})}),
    [](const auto& p) { return p.param.name; });

TEST(Machine, AFailureOfAnyStepLeavesTheVersionThatServes) {
  for (const P phase : {P::kFetching, P::kVerifying, P::kCompiling, P::kWarming, P::kPublishing}) {
    for (const S standing : {S::kGood, S::kWatching}) {
      const auto t = next({phase, standing, Hold::kNone}, E::kFailed);
      ASSERT_TRUE(t) << phase_name(phase);
      EXPECT_EQ(t->to, (UpdateMachine{P::kIdle, standing, Hold::kNone}));
      EXPECT_EQ(t->effect, UpdateEffect::kSchedule);
    }
  }
}

// What must never happen, whatever the state.
TEST(Machine, KeepsItsPromises) {
  int allowed = 0;
  for (int p = 0; p < kPhases; ++p) {
    for (int s = 0; s < kStandings; ++s) {
      for (const Hold hold : {Hold::kNone, Hold::kHeld}) {
        for (int e = 0; e < kEvents; ++e) {
          const UpdateMachine from = machine(p, s, hold);
          const auto event = static_cast<E>(e);
          const auto t = next(from, event);
          if (!t) continue;
          ++allowed;
          const std::string at = std::string(phase_name(from.phase)) + " " + std::string(event_name(event));
          if (t->to.phase == P::kPublishing) {
            EXPECT_NE(t->to.standing, S::kRollingBack) << at << ": two publications at once";
          }
          if (event == E::kFoundBad) {
            EXPECT_NE(from.phase, P::kPublishing) << at << ": it would roll back the wrong one";
          }
          if (t->to.hold == Hold::kNone && from.hold == Hold::kHeld) {
            EXPECT_TRUE(event == E::kAccepted || event == E::kCompiled) << at << ": a hold is forgotten";
          }
          // A step that is begun is one that ends: its phase has a way on and a way out.
          if (t->to.phase != P::kIdle) {
            EXPECT_TRUE(next(t->to, E::kFailed)) << at;
          }
        }
      }
    }
  }
  EXPECT_GT(allowed, 100);
}

TEST(Machine, EveryRowIsReached) {
  std::set<const TransitionRow*> reached;
  for (const TransitionRow& row : transitions()) {
    const P phase = row.phases.empty() ? P::kIdle : row.phases.front();
    const S standing = row.standings.empty() ? S::kGood : row.standings.front();
    const auto t = next({phase, standing, row.hold.value_or(Hold::kNone)}, row.event);
    ASSERT_TRUE(t) << event_name(row.event);
    EXPECT_EQ(t->effect, row.effect) << event_name(row.event);
    reached.insert(&row);
  }
  EXPECT_EQ(reached.size(), transitions().size());
  std::set<E> events;
  for (const TransitionRow& row : transitions()) events.insert(row.event);
  EXPECT_EQ(events.size(), static_cast<std::size_t>(kEvents)) << "each event means something somewhere";
}

TEST(Machine, NamesAreDistinct) {
  std::set<std::string_view> names;
  for (int e = 0; e < kEvents; ++e) names.insert(event_name(static_cast<E>(e)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(kEvents));
  EXPECT_EQ(event_name(E::kServesOther), "serves-other");
  EXPECT_EQ(phase_name(P::kPublishing), "publishing");
  EXPECT_EQ(state_name(U::kRefused), "refused");
  EXPECT_EQ(record_name(UpdateRecord::What::kAllowed), "allowed");
}

}  // namespace
}  // namespace berth::host
