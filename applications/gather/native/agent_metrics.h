// AgentMetrics: the series of the agent.
#pragma once

#include <memory>

#include "applications/gather/native/gathering.h"
#include "applications/gather/native/upload.h"
#include "base/error.h"
#include "telemetry/metrics.h"

namespace berth::gather {

// Thread-safe.
class AgentMetrics final {
 public:
  // Fails as telemetry::Metrics does.
  [[nodiscard]] static Result<AgentMetrics> resolve(telemetry::Metrics& metrics);

  void gathered(const Gathered& gathered);
  void failed() { failed_->add(); }
  void archives(std::size_t count, std::uint64_t bytes);
  void uploaded(const Uploaded& uploaded);
  void degraded(bool is) { degraded_->set(is ? 1 : 0); }
  void pruned(std::size_t count) { pruned_->add(count); }

 private:
  explicit AgentMetrics(telemetry::Metrics& metrics) : metrics_(&metrics) {}
  void gatherer(const Report& report);

  telemetry::Metrics* metrics_;
  std::shared_ptr<telemetry::Counter> ok_, failed_, pruned_;
  std::shared_ptr<telemetry::Gauge> last_, seconds_, records_, bytes_, archives_, archive_bytes_, degraded_;
};

}  // namespace berth::gather
