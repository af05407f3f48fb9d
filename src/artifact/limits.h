// Hard maximums of the artifact room, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

namespace berth::artifact {

// A reference as written: a URL with its scheme (net::kMaxUrlBytes) is the longest form.
inline constexpr std::size_t kMaxReferenceBytes = 8 * 1024;
// A repository's name, as registries bound it.
inline constexpr std::size_t kMaxRepositoryBytes = 255;
// A tag, as the specification bounds it.
inline constexpr std::size_t kMaxTagBytes = 128;
// The bytes of a component: the largest seen (Python with its interpreter) is 18 MB, and compiling takes some
// ten times the bytes in memory.
inline constexpr std::uint64_t kMaxArtifactBytes = std::uint64_t{256} << 20;
// A token, password or key file: a Kubernetes token has 1 to 2 KiB.
inline constexpr std::size_t kMaxSecretBytes = 64 * 1024;
// An ETag or Last-Modified that is kept; a longer one is as good as none.
inline constexpr std::size_t kMaxValidatorBytes = 1024;
// A media type that is shown.
inline constexpr std::size_t kMaxMediaTypeBytes = 255;

}  // namespace berth::artifact
