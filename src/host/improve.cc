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
  if (spec_.instances.kind == InstancePolicy::Kind::kOne &&
      (!now.handover || spec_.handover == Handover::kOff)) {
    out.result = Improved::kKept;
    return out;
  }
  out.report = {.from = now.digest, .to = now.digest, .at = std::chrono::system_clock::now()};
  BERTH_TRY(try_swap(std::move(version), out.report));
  out.report.ok = true;
  if (out.report.pause.count() > 0)
    metrics_.pause_seconds->observe(std::chrono::duration<double>(out.report.pause).count());
  return out;
}

}  // namespace berth::host
