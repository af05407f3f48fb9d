// UpdatePlan: what the operator says about the updates of one workload, as plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/update/judge.h"
#include "host/update/schedule.h"
#include "host/update/status.h"

namespace berth::host {

// A share of the calls goes to the candidate first.
struct CanaryPlan {
  double share = 0.1;
  std::chrono::milliseconds time{std::chrono::minutes{10}};
};

// The candidate repeats calls first.
struct ShadowPlan {
  double share = 1;
  std::chrono::milliseconds time{std::chrono::minutes{10}};
  double differ = 0;  // with more different answers than this share, an operator has to accept it
};

enum class NewImports : std::uint8_t { kHold, kAllow };
enum class Downgrade : std::uint8_t { kRefuse, kAllow };

// Plain value.
struct UpdatePlan {
  Schedule schedule;
  std::optional<ShadowPlan> shadow;  // before the canary, where there are both
  std::optional<CanaryPlan> canary;
  // Judges candidates and what was published. Without it nothing is judged: a trial ends well when its
  // time is over.
  std::optional<RollbackRules> rollback = RollbackRules{.errors = Tolerance{.more = 0.05}};
  NewImports new_imports = NewImports::kHold;
  Downgrade downgrade = Downgrade::kRefuse;
};

// A version as a source offers it. Plain value.
struct Found {
  std::string digest;
  std::string source;   // for a person
  std::string release;  // the tag, where tags are versions; may be empty
};

// What is known from an earlier life of the host (its store). Plain value.
struct Remembered {
  Found running;
  std::vector<std::string> imports;  // of the running version, those that need code
  std::string pinned;
  std::vector<ShutOut> shut_out;
  std::vector<std::string> accepted;  // digests
};

}  // namespace berth::host
