// WorkloadMetrics: names and labels of the host's own series.
#include "telemetry/workload_metrics.h"

namespace berth::telemetry {
namespace {

// From a hand-over of a few entries to one of hundreds of megabytes.
constexpr std::array kPauseBuckets = {0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                      0.05,   0.1,    0.25,  0.5,    1.0,   2.5,  10.0};

}  // namespace

std::string_view outcome_name(CallOutcome outcome) {
  switch (outcome) {
    case CallOutcome::kOk: return "ok";
    case CallOutcome::kGuestError: return "guest-error";
    case CallOutcome::kTrapLimit: return "trap-limit";
    case CallOutcome::kTrapBug: return "trap-bug";
    case CallOutcome::kHostError: return "host-error";
  }
  return "unknown";
}

Result<WorkloadMetrics> WorkloadMetrics::resolve(Metrics& metrics, std::string_view workload,
                                                 std::string_view version) {
  const Labels by_workload = {{"workload", std::string(workload)}};
  const Labels by_version = {{"workload", std::string(workload)}, {"version", std::string(version)}};
  const auto with = [](Labels labels, std::string_view name, std::string_view value) {
    labels.emplace_back(name, value);
    return labels;
  };

  WorkloadMetrics m;
  for (std::size_t i = 0; i < kCallOutcomes; ++i) {
    m.calls[i] =
        BERTH_TRY(metrics.counter("berth_calls_total", "Calls into guests by how they ended.",
                                  with(by_version, "outcome", outcome_name(static_cast<CallOutcome>(i)))));
  }
  m.call_seconds = BERTH_TRY(metrics.histogram(
      "berth_call_duration_seconds", "Time of a call, queueing included.", by_version, latency_buckets()));
  m.instances = BERTH_TRY(metrics.gauge("berth_instances", "Instances alive.", by_version));
  m.memory_bytes =
      BERTH_TRY(metrics.gauge("berth_memory_bytes", "Linear memory committed to guests.", by_version));
  m.swaps_ok = BERTH_TRY(metrics.counter("berth_swaps_total", "Attempts to publish another version.",
                                         with(by_workload, "result", "ok")));
  m.swaps_failed = BERTH_TRY(metrics.counter("berth_swaps_total", "Attempts to publish another version.",
                                             with(by_workload, "result", "failed")));
  m.pause_seconds = BERTH_TRY(metrics.histogram("berth_swap_pause_seconds", "Time a swap held calls back.",
                                                by_workload, kPauseBuckets));
  m.queue_length =
      BERTH_TRY(metrics.gauge("berth_queue_length", "Calls waiting for an instance.", by_workload));
  m.busy = BERTH_TRY(
      metrics.counter("berth_calls_refused_total", "Calls refused because the queue was full.", by_workload));
  return m;
}

Result<std::shared_ptr<Counter>> denial_counter(Metrics& metrics, std::string_view workload,
                                                std::string_view version, std::string_view capability) {
  return metrics.counter("berth_denials_total", "Uses of a capability that no grant covers.",
                         {{"workload", std::string(workload)},
                          {"version", std::string(version)},
                          {"capability", std::string(capability)}});
}

}  // namespace berth::telemetry
