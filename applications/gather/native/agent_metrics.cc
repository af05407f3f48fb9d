// AgentMetrics: names and labels.
#include "applications/gather/native/agent_metrics.h"

#include <fmt/format.h>

namespace berth::gather {

Result<AgentMetrics> AgentMetrics::resolve(telemetry::Metrics& metrics) {
  AgentMetrics m(metrics);
  const auto gathering = [&](const char* result) {
    return metrics.counter("berth_gatherings_total", "Periods by whether an archive was written.",
                           {{"result", result}});
  };
  m.ok_ = BERTH_TRY(gathering("ok"));
  m.failed_ = BERTH_TRY(gathering("failed"));
  m.pruned_ = BERTH_TRY(metrics.counter("berth_gather_archives_pruned_total",
                                        "Archives removed because they were old or too many.", {}));
  m.last_ = BERTH_TRY(metrics.gauge("berth_gather_last_timestamp_seconds",
                                    "When the last archive was written, in seconds since 1970.", {}));
  m.seconds_ = BERTH_TRY(
      metrics.gauge("berth_gather_duration_seconds", "How long the last archive took to gather.", {}));
  m.records_ = BERTH_TRY(metrics.gauge("berth_gather_records", "Records of the last archive.", {}));
  m.bytes_ =
      BERTH_TRY(metrics.gauge("berth_gather_record_bytes", "Bytes of the records of the last archive.", {}));
  m.archives_ = BERTH_TRY(metrics.gauge("berth_gather_archives", "Archives on disk.", {}));
  m.archive_bytes_ = BERTH_TRY(metrics.gauge("berth_gather_archive_bytes", "Bytes of archives on disk.", {}));
  m.degraded_ = BERTH_TRY(metrics.gauge(
      "berth_gather_degraded", "1 while uploads have failed so often that somebody should look.", {}));
  return m;
}

void AgentMetrics::gathered(const Gathered& gathered) {
  ok_->add();
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  last_->set(now.count());
  seconds_->set(std::chrono::duration<double>(gathered.duration).count());
  records_->set(static_cast<double>(gathered.records));
  bytes_->set(static_cast<double>(gathered.record_bytes));
  for (const Report& report : gathered.reports) gatherer(report);
}

void AgentMetrics::gatherer(const Report& report) {
  // A name comes from a component, so a series that cannot be had is the registry's limit at work.
  const telemetry::Labels labels{{"gatherer", report.name}};
  if (const auto seconds =
          metrics_->histogram("berth_gatherer_duration_seconds", "How long each gatherer ran.", labels,
                              telemetry::latency_buckets()))
    (*seconds)->observe(std::chrono::duration<double>(report.duration).count());
  const auto count = [&](const char* name, const char* text, std::uint64_t n) {
    if (const auto counter = metrics_->counter(name, text, labels)) (*counter)->add(n);
  };
  count("berth_gatherer_records_total", "Records of each gatherer.", report.records);
  count("berth_gatherer_errors_total", "Errors of each gatherer.", report.errors.size());
  count("berth_gatherer_warnings_total", "Warnings of each gatherer.", report.warnings.size());
  count("berth_gatherer_panics_total", "Runs of each gatherer that trapped.", report.panic ? 1 : 0);
}

void AgentMetrics::archives(std::size_t count, std::uint64_t bytes) {
  archives_->set(static_cast<double>(count));
  archive_bytes_->set(static_cast<double>(bytes));
}

void AgentMetrics::uploaded(const Uploaded& uploaded) {
  const auto counter = metrics_->counter(
      "berth_gather_uploads_total", "Uploads by the receiver's status; none: there was no answer.",
      {{"status", uploaded.status == 0 ? "none" : fmt::format("{}", uploaded.status)}});
  if (counter) (*counter)->add();
}

}  // namespace berth::gather
