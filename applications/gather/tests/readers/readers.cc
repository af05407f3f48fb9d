// Eight gatherers that each read every pod, and count them.
#include "gatherer.h"

namespace gather {
namespace {

Outcome count(Run& run, const Gatherer& gatherer) {
  auto pods = kube::Kind<kube::Object>("", "v1", "pods").list();
  std::size_t found = 0;
  for (auto& pod : pods) found += pod.at("metadata").exists() ? 1 : 0;
  if (pods.error()) return failed("pods", *pods.error());
  (void)run.put("count/" + std::string(gatherer.name) + ".txt", std::to_string(found));
  return {};
}

constexpr Gatherer kGatherers[] = {
    {"count_0", "", {}, count}, {"count_1", "", {}, count}, {"count_2", "", {}, count},
    {"count_3", "", {}, count}, {"count_4", "", {}, count}, {"count_5", "", {}, count},
    {"count_6", "", {}, count}, {"count_7", "", {}, count},
};

}  // namespace

std::span<const Gatherer> gatherers() { return kGatherers; }

}  // namespace gather
