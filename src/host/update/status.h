// What is told about the updates of one workload: its status now, and one line of its history.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/status.h"
#include "host/update/machine.h"

namespace berth::host {

// The state in one word: what is in progress, else what is known of the version that serves, else how
// the last update ended.
enum class UpdateState : std::uint8_t {
  kIdle,
  kFetching,
  kVerifying,
  kCompiling,
  kHeld,
  kWarming,
  kShadow,
  kCanary,
  kPublishing,
  kWatching,
  kGood,
  kRollingBack,
  kRolledBack,
  kRefused,
};
[[nodiscard]] std::string_view state_name(UpdateState state);

// `last`: kIdle, kGood, kRolledBack or kRefused.
[[nodiscard]] UpdateState shown_state(const UpdateMachine& machine, UpdateState last);

// A digest that is not taken again, and why.
struct ShutOut {
  std::string digest;
  std::string reason;
  WallTime at;
};

// Plain value.
struct UpdateStatus {
  UpdateState state = UpdateState::kIdle;
  WallTime since;
  std::string reason;     // why it was refused, held or rolled back, or what is waited for; may be empty
  std::string running;    // digests; empty where there is none
  std::string candidate;  // in progress, or held
  std::string last_good;
  std::string pinned;                     // no other digest is taken
  std::vector<std::string> more_imports;  // that the held update asks for
  std::vector<ShutOut> shut_out;          // the newest last
  std::optional<WallTime> trial_ends;     // of a shadow, a canary or a watch
  std::optional<WallTime> next_look;
  std::uint32_t failures = 0;  // looks in a row that failed
};

// One line of the history. Plain value.
struct UpdateRecord {
  enum class What : std::uint8_t {
    kPublished,
    kGood,
    kRefused,
    kHeld,
    kAccepted,
    kRolledBack,
    kReplaced,
    kPinned,
    kUnpinned,
    kAllowed
  };
  What what = What::kPublished;
  WallTime at;
  std::string digest;
  std::string source;
  std::string release;  // the tag, where it is a version; may be empty
  std::string reason;   // may be empty
};
[[nodiscard]] std::string_view record_name(UpdateRecord::What what);

}  // namespace berth::host
