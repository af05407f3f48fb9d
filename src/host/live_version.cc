// LiveVersion: placing, measuring and counting.
#include "host/live_version.h"

namespace berth::host {

LiveVersion::~LiveVersion() {
  for (Slot& slot : slots_.all()) destroy(slot);
}

void LiveVersion::place(Slot& slot, std::unique_ptr<Guest> guest) {
  slot.put(std::move(guest));
  instances_.fetch_add(1, std::memory_order_relaxed);
  metrics_.instances->add(1);
  measure(slot);
}

void LiveVersion::destroy(Slot& slot) {
  const std::unique_ptr<Guest> guest = slot.take();
  if (guest == nullptr) return;
  slot.intact.store(false, std::memory_order_release);
  const std::uint64_t memory = slot.memory_bytes.exchange(0, std::memory_order_relaxed);
  memory_bytes_.fetch_sub(memory, std::memory_order_relaxed);
  instances_.fetch_sub(1, std::memory_order_relaxed);
  metrics_.memory_bytes->add(-static_cast<double>(memory));
  metrics_.instances->add(-1);
}

void LiveVersion::measure(Slot& slot) {
  const std::uint64_t now = slot.guest()->memory_bytes();
  const std::uint64_t before = slot.memory_bytes.load(std::memory_order_relaxed);
  if (now == before) return;
  slot.memory_bytes.store(now, std::memory_order_relaxed);
  memory_bytes_.fetch_add(now - before, std::memory_order_relaxed);  // wraps both ways
  metrics_.memory_bytes->add(static_cast<double>(now) - static_cast<double>(before));
}

void LiveVersion::count(Outcome outcome, std::chrono::nanoseconds duration) {
  calls_[static_cast<std::size_t>(outcome)].fetch_add(1, std::memory_order_relaxed);
  metrics_.count_call(outcome, std::chrono::duration<double>(duration).count());
}

CallCounts LiveVersion::calls() const {
  CallCounts counts{};
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = calls_[i].load(std::memory_order_relaxed);
  return counts;
}

Observed LiveVersion::observed() const {
  return Observed{calls(), buckets_of(*metrics_.call_seconds)}.since({{}, times_before_});
}

void LiveVersion::cancel() {
  for (Slot& slot : slots_.all()) slot.cancel();
}

bool LiveVersion::expire(std::chrono::steady_clock::time_point now) {
  bool armed = false;
  for (Slot& slot : slots_.all()) armed |= slot.expire(now);
  return armed;
}

VersionStatus LiveVersion::status() const {
  return {.digest = version_->about().digest,
          .source = version_->about().source,
          .tier = version_->about().tier,
          .since = since,
          .instances = instances_.load(std::memory_order_relaxed),
          .memory_bytes = memory_bytes_.load(std::memory_order_relaxed)};
}

}  // namespace berth::host
