// History: how its lists change.
#include "artifact/store/history.h"

#include <algorithm>

#include "artifact/store/limits.h"

namespace berth::artifact {

void History::remember_good(GoodVersion version, std::size_t keep) {
  std::erase_if(good, [&](const GoodVersion& old) { return old.digest == version.digest; });
  good.insert(good.begin(), std::move(version));
  good.resize(std::min(good.size(), std::clamp(keep, std::size_t{1}, kMaxGoodVersions)));
}

void History::refuse(RefusedVersion version) {
  std::erase_if(good, [&](const GoodVersion& old) { return old.digest == version.digest; });
  std::erase_if(refused, [&](const RefusedVersion& old) { return old.digest == version.digest; });
  if (held && held->digest == version.digest) held.reset();
  refused.insert(refused.begin(), std::move(version));
  refused.resize(std::min(refused.size(), kMaxRefused));
}

void History::accept(const Digest& digest) {
  std::erase_if(refused, [&](const RefusedVersion& old) { return old.digest == digest; });
  std::erase(accepted, digest);
  if (held && held->digest == digest) held.reset();
  accepted.insert(accepted.begin(), digest);
  accepted.resize(std::min(accepted.size(), kMaxAccepted));
}

const RefusedVersion* History::find_refused(const Digest& digest) const {
  const auto found = std::ranges::find(refused, digest, &RefusedVersion::digest);
  return found == refused.end() ? nullptr : &*found;
}

bool History::is_accepted(const Digest& digest) const {
  return std::ranges::find(accepted, digest) != accepted.end();
}

}  // namespace berth::artifact
