// Judging: is a version worse than another by more than its operator tolerates?
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "host/observed.h"

namespace berth::host {

// How much worse is too much. With both, either of them. Plain value.
struct Tolerance {
  std::optional<double>
      more;  // by more than this: of the calls (0.05), or of the time (0.5: half as long again)
  std::optional<double> factor;  // by more than this factor
};

// Plain value.
struct RollbackRules {
  std::optional<Tolerance> errors;   // share of calls that failed
  std::optional<Tolerance> latency;  // the time that 99 of 100 calls stay within
  // How long a published version is watched.
  std::chrono::milliseconds within{std::chrono::minutes{10}};
  // No verdict before this many calls of the new version.
  std::uint64_t min_calls = 50;
};

// What was seen so far of one comparison. Plain value.
struct Trial {
  Observed base_before, tried_before;  // at the beginning
  Observed base_slice, tried_slice;    // at the beginning of the slice of times
  std::uint32_t slow_slices = 0;
};

// `base` and `tried` are values of ever-growing counts. A base that does not grow during the trial
// (the version before, which was replaced) is given as its `base_before`-less self: see begin_trial.
[[nodiscard]] Trial begin_trial(const Observed& base, const Observed& tried);
// The base of a version that serves no more: all that is known of it.
[[nodiscard]] Trial begin_trial_after(const Observed& tried);

enum class Verdict : std::uint8_t { kOpen, kGood, kBad };

// Plain value.
struct Judgement {
  Verdict verdict = Verdict::kOpen;
  std::string reason;  // why it is bad, or what an overdue verdict waits for
};

// One look. `over`: the time of the trial has passed. Until then nothing is found good. When it is over
// with fewer calls than min_calls, it is good if none of them failed, and stays open otherwise.
[[nodiscard]] Judgement judge(const RollbackRules& rules, Trial& trial, const Observed& base,
                              const Observed& tried, bool over);

}  // namespace berth::host
