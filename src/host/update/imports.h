// Imports: does another version ask for more than the running one?
#pragma once

#include <span>
#include <string>
#include <vector>

namespace berth::host {

// The imports of `next` that `running` has not, in the order of `next`, each once: names as a component
// writes them, "ns:pkg/interface@1.2.3". Another version of an interface is the same import where
// the versions are compatible (Semantic Versioning: equal major numbers, below 1.0.0 equal minor
// numbers too); a pre-release is compatible with itself only.
[[nodiscard]] std::vector<std::string> asks_for_more(std::span<const std::string> running,
                                                     std::span<const std::string> next);

}  // namespace berth::host
