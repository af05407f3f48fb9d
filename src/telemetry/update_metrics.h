// UpdateMetrics: the series about updates of one workload, resolved once.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "telemetry/metrics.h"

namespace berth::telemetry {

// What is done to bring another version into service, in this order.
enum class UpdateStage : std::uint8_t { kFetch, kVerify, kCompile, kWarm, kPublish, kDrain, kRollBack };
inline constexpr std::size_t kUpdateStages = 7;
[[nodiscard]] std::string_view stage_name(UpdateStage stage);

// What became of an update.
enum class UpdateResult : std::uint8_t { kPublished, kGood, kRefused, kHeld, kRolledBack, kReplaced };
inline constexpr std::size_t kUpdateResults = 6;
[[nodiscard]] std::string_view result_name(UpdateResult result);

// How the answer of a shadow compares with the answer that was given.
enum class ShadowAnswer : std::uint8_t { kEqual, kDifferent, kFailed, kSkipped };
inline constexpr std::size_t kShadowAnswers = 4;
[[nodiscard]] std::string_view answer_name(ShadowAnswer answer);

// Handles; copying copies handles, not series. Immutable after resolve, so any thread may use it.
struct UpdateMetrics {
  std::array<std::shared_ptr<Histogram>, kUpdateStages> seconds;  // berth_update_stage_seconds
  std::array<std::shared_ptr<Counter>, kUpdateStages> failures;   // berth_update_stage_failures_total
  std::array<std::shared_ptr<Counter>, kUpdateResults> results;   // berth_updates_total
  std::array<std::shared_ptr<Counter>, kShadowAnswers> shadowed;  // berth_shadow_answers_total
  std::shared_ptr<Gauge> candidate_share;  // berth_candidate_share: of the calls, 0 without a candidate

  // Fails as Metrics does.
  [[nodiscard]] static Result<UpdateMetrics> resolve(Metrics& metrics, std::string_view workload);

  void passed(UpdateStage stage, std::chrono::nanoseconds took) const noexcept {
    seconds[static_cast<std::size_t>(stage)]->observe(std::chrono::duration<double>(took).count());
  }
  void failed(UpdateStage stage) const noexcept { failures[static_cast<std::size_t>(stage)]->add(); }
  void count(UpdateResult result) const noexcept { results[static_cast<std::size_t>(result)]->add(); }
  void count(ShadowAnswer answer) const noexcept { shadowed[static_cast<std::size_t>(answer)]->add(); }
};

}  // namespace berth::telemetry
