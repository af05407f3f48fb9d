// GuestLog: level, rate, and the fields that the host puts first.
#include "capabilities/logging/provider.h"

#include <algorithm>
#include <vector>

#include "telemetry/limits.h"

namespace berth::logging {

GuestLog::GuestLog(telemetry::Logger& log, std::string workload, const Options& options)
    : log_(log),
      workload_(std::move(workload)),
      options_(options),
      bucket_(static_cast<double>(options.records_per_second),
              std::max(1.0, static_cast<double>(options.records_per_second) * kBurstSeconds)) {}

bool GuestLog::enabled(telemetry::Level level) const {
  return options_.voice == Options::Voice::kHeard && level >= options_.level && log_.enabled(level);
}

std::shared_ptr<GuestLog> GuestLog::silent() const {
  Options options = options_;
  options.voice = Options::Voice::kSilent;
  return std::make_shared<GuestLog>(log_, workload_, options);
}

void GuestLog::log(telemetry::Level level, std::string_view message, std::span<const Field> fields) {
  if (!enabled(level)) return;
  std::uint64_t dropped = 0;
  {
    std::lock_guard lock(mutex_);
    if (!bucket_.take(grants::TokenBucket::Clock::now())) {
      ++dropped_;
      return;
    }
    dropped = std::exchange(dropped_, 0);
  }
  if (dropped > 0)
    log_.warn(
        "records of the guest were dropped: it logs more than its grant allows; to allow more, raise "
        "logging.records-per-second",
        {{"workload", workload_}, {"dropped", dropped}});
  std::vector<telemetry::Field> all;
  // The logger keeps kMaxFields and counts the others; a list of millions is not copied to be counted.
  const std::size_t kept = std::min(fields.size(), telemetry::kMaxFields);
  all.reserve(kept + 3);
  all.emplace_back("workload", workload_);
  all.emplace_back("from", "guest");
  if (kept < fields.size()) all.emplace_back("fields_given", fields.size());
  for (const auto& [key, value] : fields.first(kept)) all.emplace_back(key, value);
  log_.log(level, message, all);
}

}  // namespace berth::logging
