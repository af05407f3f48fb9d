// Judging: error shares and times.
#include "host/update/judge.h"

#include <fmt/format.h>

#include <algorithm>

#include "host/update/limits.h"

namespace berth::host {
namespace {

constexpr double kShareOfCalls = 0.99;

double ms(double seconds) { return seconds * 1e3; }

// With `factor`, a base without a failure counts as one with a single one: nothing can be twice nothing.
std::optional<std::string> too_many_errors(const Tolerance& tolerance, const Observed& base,
                                           const Observed& tried) {
  const auto share = [](std::uint64_t failed, std::uint64_t total) {
    return total == 0 ? 0.0 : static_cast<double>(failed) / static_cast<double>(total);
  };
  const double ours = share(tried.failed(), tried.total());
  const double theirs = share(base.failed(), base.total());
  const bool by_share = tolerance.more && ours > theirs + *tolerance.more;
  const bool by_factor =
      tolerance.factor && base.total() > 0 &&
      ours > *tolerance.factor * share(std::max<std::uint64_t>(base.failed(), 1), base.total());
  if (!by_share && !by_factor) return std::nullopt;
  return fmt::format("{} of {} calls failed ({:.1f}%), against {} of {} ({:.1f}%) of the version before",
                     tried.failed(), tried.total(), ours * 100, base.failed(), base.total(), theirs * 100);
}

std::optional<std::string> too_slow(const Tolerance& tolerance, const Observed& base, const Observed& tried) {
  if (base.timed() < kSliceCalls) return std::nullopt;
  const double ours = tried.time_of(kShareOfCalls);
  const double theirs = base.time_of(kShareOfCalls);
  const bool by_more = tolerance.more && ours > theirs * (1 + *tolerance.more);
  const bool by_factor = tolerance.factor && ours > theirs * *tolerance.factor;
  if (!by_more && !by_factor) return std::nullopt;
  return fmt::format("99% of calls took up to {:.3g} ms, against {:.3g} ms of the version before", ms(ours),
                     ms(theirs));
}

}  // namespace

Trial begin_trial(const Observed& base, const Observed& tried) { return {base, tried, base, tried, 0}; }
Trial begin_trial_after(const Observed& tried) { return {{}, tried, {}, tried, 0}; }

Judgement judge(const RollbackRules& rules, Trial& trial, const Observed& base, const Observed& tried,
                bool over) {
  const Observed ours = tried.since(trial.tried_before);
  const Observed theirs = base.since(trial.base_before);
  const bool enough = ours.total() >= rules.min_calls;

  if (rules.errors && enough) {
    if (auto reason = too_many_errors(*rules.errors, theirs, ours)) {
      return {Verdict::kBad, std::move(*reason)};
    }
  }
  if (rules.latency) {
    const Observed slice = tried.since(trial.tried_slice);
    Observed base_slice = base.since(trial.base_slice);
    // Where the base has had few calls in the meantime, the whole of it says more.
    if (base_slice.timed() < kSliceCalls) base_slice = theirs;
    if (slice.timed() >= kSliceCalls) {
      auto reason = too_slow(*rules.latency, base_slice, slice);
      trial.slow_slices = reason ? trial.slow_slices + 1 : 0;
      trial.tried_slice = tried;
      trial.base_slice = base;
      if (trial.slow_slices >= kSlowSlices && enough) return {Verdict::kBad, std::move(*reason)};
    }
  }
  if (!over) return {};
  if (enough || ours.failed() == 0) return {Verdict::kGood, {}};
  return {Verdict::kOpen,
          fmt::format("its time is over, but {} of only {} calls failed; a verdict needs {} calls",
                      ours.failed(), ours.total(), rules.min_calls)};
}

}  // namespace berth::host
