// Hard maxima of a manifest: what a file can make the parser hold, and what a workload can ask for.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace berth::manifest {

// The text. A manifest of a hundred workloads is about 100 KiB; generated ones get ten times that.
inline constexpr std::size_t kMaxManifestBytes = 1024 * 1024;
// Nesting. The deepest key we know is at 7; recursion over the tree is bounded by this.
inline constexpr std::size_t kMaxDepth = 32;
// Values in all. Each is about 100 bytes in memory: 5 MB.
inline constexpr std::size_t kMaxValues = 50'000;
// One scalar: a certificate bundle given as a config value still fits.
inline constexpr std::size_t kMaxScalarBytes = 64 * 1024;
// Problems reported at once: more than a screen of them helps nobody.
inline constexpr std::size_t kMaxProblems = 20;
// A value is shown in a message up to here.
inline constexpr std::size_t kMaxShownBytes = 60;

// A DNS label, because workload names become metric labels, log fields and host names.
inline constexpr std::size_t kMaxNameBytes = 63;
inline constexpr std::size_t kMaxWorkloads = 1000;

// wasm32 addresses 4 GiB; one page is the least that holds anything.
inline constexpr std::uint64_t kMinMemoryBytes = 64 * 1024;
inline constexpr std::uint64_t kMaxMemoryBytes = std::uint64_t{4} << 30;
// Ten million function references are 80 MB of host memory.
inline constexpr std::int64_t kMaxTableElements = 10'000'000;
// Core instances inside one component instance; real components have fewer than 20.
inline constexpr std::int64_t kMaxCoreInstances = 1000;
inline constexpr std::int64_t kMaxPool = 10'000;
// As the host's.
inline constexpr std::int64_t kMaxShards = 256;
// A slot of 64 bytes each in every live version.
inline constexpr std::int64_t kMaxConcurrency = 65'536;
// A longer queue only turns overload into timeouts.
inline constexpr std::int64_t kMaxQueue = 1'000'000;

// A deadline shorter than an epoch tick cannot be kept; one over a day is a missing deadline.
inline constexpr std::chrono::milliseconds kMinCall{1};
inline constexpr std::chrono::milliseconds kMaxCall{std::chrono::hours{24}};
// Calls wait during a hand-over and a stop waits for the drain: both must end.
inline constexpr std::chrono::milliseconds kMaxWait{std::chrono::hours{1}};

// An update more often than this is a loop, not an interval; one a month is still one.
inline constexpr std::chrono::milliseconds kMinEvery{1'000};
inline constexpr std::chrono::milliseconds kMaxEvery{std::chrono::hours{24 * 31}};
// A trial or a watch must end within a release cycle, and see some calls first.
inline constexpr std::chrono::milliseconds kMinTrial{1'000};
inline constexpr std::chrono::milliseconds kMaxTrial{std::chrono::hours{24 * 7}};
inline constexpr std::int64_t kMaxMinCalls = 1'000'000;
// How many times worse may be tolerated; more is no rule any more.
inline constexpr double kMaxFactor = 1000;
// Keys of one signature policy: each is read and tried for each version.
inline constexpr std::size_t kMaxKeys = 32;
// Good versions kept of each workload, and what all of it may take on disk.
inline constexpr std::int64_t kMaxKeptVersions = 100;
inline constexpr std::uint64_t kMinStoreBytes = std::uint64_t{16} << 20;
inline constexpr std::uint64_t kMaxStoreBytes = std::uint64_t{1} << 50;
inline constexpr std::size_t kMaxRegistries = 100;
// As the distribution specification has it for tags and names; a URL longer than this breaks proxies.
inline constexpr std::size_t kMaxTagBytes = 128;
inline constexpr std::size_t kMaxRepositoryBytes = 255;
inline constexpr std::size_t kMaxUrlBytes = 4096;

}  // namespace berth::manifest
