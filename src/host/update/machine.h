// The states of a workload's updates, and which follows on which: a table, and pure functions over it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace berth::host {

// How far the update in progress has come.
enum class Phase : std::uint8_t {
  kIdle,
  kFetching,
  kVerifying,
  kCompiling,
  kWarming,
  kShadow,
  kCanary,
  kPublishing,
};

// What is known of the version that serves.
enum class Standing : std::uint8_t {
  kGood,
  kWatching,  // it was just published, and can still be taken back
  kRollingBack,
};

// Whether an update waits for an operator. A newer one may be looked at meanwhile.
enum class Hold : std::uint8_t { kNone, kHeld };

enum class UpdateEvent : std::uint8_t {
  kLook,        // it is time, or somebody asked
  kNothingNew,  // what the source has serves already, is held, or is shut out
  kFetched,
  kVerified,
  kCompiled,
  kAsksForMore,  // than the running version: an operator has to accept it
  kAccepted,
  kTryShadow,  // warm; the plan says what comes next
  kTryCanary,
  kPublish,
  kDiffers,           // the shadow's answers, by more than the plan allows
  kFailed,            // the step in progress
  kBad,               // the candidate
  kReplaced,          // the candidate: somebody published another version by hand
  kPublished,         // and is watched
  kPublishedForGood,  // and is not
  kFoundGood,         // the version that is watched
  kFoundBad,
  kRolledBack,
  kRollbackFailed,
  kServesOther,  // what was watched serves no more: somebody published another version by hand
};

// What is to be done on entering the new state.
enum class UpdateEffect : std::uint8_t {
  kNone,
  kSchedule,  // the next look
  kFetch,
  kVerify,
  kCompile,
  kWarm,
  kStartShadow,
  kStartCanary,
  kPublish,
  kEndTrial,  // no calls for the candidate any more; then the next look
  kWatch,
  kSettle,  // forget the way back; then the next look
  kRollBack,
};

// Plain value.
struct UpdateMachine {
  Phase phase = Phase::kIdle;
  Standing standing = Standing::kGood;
  Hold hold = Hold::kNone;
  [[nodiscard]] bool operator==(const UpdateMachine&) const = default;
};

struct Transition {
  UpdateMachine to;
  UpdateEffect effect;
};

// Nothing when the event means nothing in this state.
[[nodiscard]] std::optional<Transition> next(const UpdateMachine& from, UpdateEvent event);

// One row of the table. An empty span means any; a missing value means unchanged.
struct TransitionRow {
  UpdateEvent event;
  std::span<const Phase> phases;
  std::span<const Standing> standings;
  std::optional<Hold> hold;
  std::optional<Phase> to_phase;
  std::optional<Standing> to_standing;
  std::optional<Hold> to_hold;
  UpdateEffect effect;
};
[[nodiscard]] std::span<const TransitionRow> transitions();

[[nodiscard]] std::string_view phase_name(Phase phase);
[[nodiscard]] std::string_view event_name(UpdateEvent event);

}  // namespace berth::host
