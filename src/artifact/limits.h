// Hard maximums of the artifact room, each with its reason.
#pragma once

#include <cstddef>

namespace berth::artifact {

// A reference as written: a URL with its scheme (net::kMaxUrlBytes) is the longest form.
inline constexpr std::size_t kMaxReferenceBytes = 8 * 1024;
// A repository's name, as registries bound it.
inline constexpr std::size_t kMaxRepositoryBytes = 255;
// A tag, as the specification bounds it.
inline constexpr std::size_t kMaxTagBytes = 128;

}  // namespace berth::artifact
