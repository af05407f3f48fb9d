// Workload: the same component in better code.
#include <utility>

#include "host/workload.h"

namespace berth::host {

Result<Workload::Improvement> Workload::improve(std::shared_ptr<const Version> version) {
  const std::lock_guard one_at_a_time(swapping_);
  const Version::About& now = at(gate_.generation())->version().about();
  Improvement out;
  if (now.digest != version->about().digest) {
    out.result = Improved::kOutdated;
    return out;
  }
  const bool stays = spec_.instances.kind == InstancePolicy::Kind::kKept &&
                     (!now.handover || spec_.handover == Handover::kOff);
  // Publishing ends a trial, and better code is no reason to.
  if (stays || canary() != nullptr || shadowing()) {
    out.result = Improved::kKept;
    return out;
  }
  out.report = report_to(now.digest);
  const auto begin = std::chrono::steady_clock::now();
  auto next = BERTH_TRY(prepare(std::move(version), Probe::kAsk));
  out.report.prepared_in = std::chrono::steady_clock::now() - begin;
  BERTH_TRY(publish(std::move(next), WayBack::kLeave, out.report));
  out.report.ok = true;
  if (out.report.pause.count() > 0)
    metrics_.pause_seconds->observe(std::chrono::duration<double>(out.report.pause).count());
  return out;
}

}  // namespace berth::host
