// clocks: WASI's own interfaces, without settings.
#include "capabilities/clocks/grants.h"

#include "capabilities/grants/wasi_grant.h"

namespace berth::clocks {
namespace {
constexpr std::string_view kNames[] = {"monotonic-clock", "wall-clock"};
constexpr manifest::Section kSection{
    .path = "grants.clocks",
    .text = "The time of day and a monotonic clock, with waiting for a time.",
    .keys = {}};
}  // namespace

grants::Capability capability() {
  return grants::plain_wasi("clocks", {"wasi:clocks", grants::kWasiVersion, kNames}, kSection);
}

}  // namespace berth::clocks
