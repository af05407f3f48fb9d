// Hard maxima of the generator: what a schema can make it hold.
#pragma once

#include <cstddef>

namespace berth::kubernetes::codegen {

// The largest document of a real server (core/v1) has 1.5 MiB; large CRDs 1 MiB.
inline constexpr std::size_t kMaxSchemaBytes = std::size_t{16} << 20;
// Real ones nest to about 20; recursion is bounded by this.
inline constexpr std::size_t kMaxSchemaDepth = 64;
// Everything a cluster has comes to about 2,000.
inline constexpr std::size_t kMaxStructs = 20'000;
inline constexpr std::size_t kMaxFieldNameBytes = 256;
// A line of a comment.
inline constexpr std::size_t kMaxCommentBytes = 100;

}  // namespace berth::kubernetes::codegen
