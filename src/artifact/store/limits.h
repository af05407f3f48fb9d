// Hard maximums of the store, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace berth::artifact {

// One blob, or the compiled code of one component. The largest component that is loaded has 256 MiB;
// compiled code is two to four times its component.
inline constexpr std::uint64_t kMaxEntryBytes = std::uint64_t{1} << 30;
// The engine's text about itself and its settings; it is kept at the end of each compiled file.
inline constexpr std::size_t kMaxCompatibilityBytes = 4 * 1024;
// Files are read in pieces that stay in a core's second-level cache while they are hashed.
inline constexpr std::size_t kReadChunkBytes = 128 * 1024;
// How often somebody who waits for a lock looks again.
inline constexpr std::chrono::milliseconds kLockPause{2};

// The name of a history: "manifest-scope.workload" of two DNS labels fits, and so does its file's name.
inline constexpr std::size_t kMaxHistoryNameBytes = 128;
// A history as JSON. With every list full of ordinary entries it is about 100 KiB; all of it is parsed.
inline constexpr std::size_t kMaxHistoryBytes = 512 * 1024;
// Good versions to fall back to. Each keeps a component and its compiled code on disk.
inline constexpr std::size_t kMaxGoodVersions = 16;
// Digests that failed. The oldest is forgotten: a source that offers it again after 63 others is new to us.
inline constexpr std::size_t kMaxRefused = 64;
// Digests an operator allowed to import more. The oldest is forgotten, and asked about again.
inline constexpr std::size_t kMaxAccepted = 64;
// A reason is for a person; a longer one is cut.
inline constexpr std::size_t kMaxReasonBytes = 1024;
// A reference (artifact::kMaxReferenceBytes) or a validator; no real ETag comes near.
inline constexpr std::size_t kMaxHistoryTextBytes = 8 * 1024;

}  // namespace berth::artifact
