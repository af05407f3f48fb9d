// random: WASI's own interfaces, without settings.
#include "capabilities/random/grants.h"

#include "capabilities/grants/wasi_grant.h"

namespace berth::random {
namespace {
constexpr std::string_view kNames[] = {"random", "insecure", "insecure-seed"};
constexpr manifest::Section kSection{
    .path = "grants.random", .text = "Random numbers: secure, insecure and a seed.", .keys = {}};
}  // namespace

grants::Capability capability() {
  return grants::plain_wasi("random", {"wasi:random", grants::kWasiVersion, kNames}, kSection);
}

}  // namespace berth::random
