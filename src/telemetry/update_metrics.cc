// UpdateMetrics: names and labels.
#include "telemetry/update_metrics.h"

#include <string>

namespace berth::telemetry {
namespace {

// From a look that found nothing new to the compilation of a large component.
constexpr std::array kStageBuckets = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,  0.25,
                                      0.5,   1.0,    2.5,   5.0,  10.0,  30.0, 60.0, 300.0};

}  // namespace

std::string_view stage_name(UpdateStage stage) {
  switch (stage) {
    case UpdateStage::kFetch: return "fetch";
    case UpdateStage::kVerify: return "verify";
    case UpdateStage::kCompile: return "compile";
    case UpdateStage::kWarm: return "warm";
    case UpdateStage::kPublish: return "publish";
    case UpdateStage::kDrain: return "drain";
    case UpdateStage::kRollBack: return "rollback";
  }
  return "unknown";
}

std::string_view result_name(UpdateResult result) {
  switch (result) {
    case UpdateResult::kPublished: return "published";
    case UpdateResult::kGood: return "good";
    case UpdateResult::kRefused: return "refused";
    case UpdateResult::kHeld: return "held";
    case UpdateResult::kRolledBack: return "rolled-back";
    case UpdateResult::kReplaced: return "replaced";
  }
  return "unknown";
}

std::string_view answer_name(ShadowAnswer answer) {
  switch (answer) {
    case ShadowAnswer::kEqual: return "equal";
    case ShadowAnswer::kDifferent: return "different";
    case ShadowAnswer::kFailed: return "failed";
    case ShadowAnswer::kSkipped: return "skipped";
  }
  return "unknown";
}

Result<UpdateMetrics> UpdateMetrics::resolve(Metrics& metrics, std::string_view workload) {
  const auto labels = [&](std::string_view name, std::string_view value) {
    return Labels{{"workload", std::string(workload)}, {std::string(name), std::string(value)}};
  };
  UpdateMetrics m;
  for (std::size_t i = 0; i < kUpdateStages; ++i) {
    const Labels by_stage = labels("stage", stage_name(static_cast<UpdateStage>(i)));
    m.seconds[i] = BERTH_TRY(metrics.histogram("berth_update_stage_seconds",
                                               "Time of each stage of an update that was passed.", by_stage,
                                               kStageBuckets));
    m.failures[i] = BERTH_TRY(
        metrics.counter("berth_update_stage_failures_total", "Stages of updates that failed.", by_stage));
  }
  for (std::size_t i = 0; i < kUpdateResults; ++i) {
    m.results[i] = BERTH_TRY(metrics.counter("berth_updates_total", "Updates by what became of them.",
                                             labels("result", result_name(static_cast<UpdateResult>(i)))));
  }
  for (std::size_t i = 0; i < kShadowAnswers; ++i) {
    m.shadowed[i] = BERTH_TRY(metrics.counter(
        "berth_shadow_answers_total", "Answers of shadows, compared with the answers that were given.",
        labels("result", answer_name(static_cast<ShadowAnswer>(i)))));
  }
  m.candidate_share =
      BERTH_TRY(metrics.gauge("berth_candidate_share", "Share of the calls that go to a candidate version.",
                              {{"workload", std::string(workload)}}));
  return m;
}

}  // namespace berth::telemetry
