// Hard maximums of gathering, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace berth::gather {

// A record's path. Tar readers and file systems go to 4 KiB; a part of it to 255 (kMaxPartBytes).
inline constexpr std::size_t kMaxPathBytes = 1024;
// One part of a path: what file systems take. The stem of a longer file name is cut.
inline constexpr std::size_t kMaxPartBytes = 255;
// Parts of a path; the deepest that is known has 7.
inline constexpr std::size_t kMaxPathParts = 16;
// Records of one archive: each takes some 200 bytes of memory while it waits in the spool.
inline constexpr std::size_t kMaxRecords = 200'000;
// Records of an archive, uncompressed, unless the manifest says otherwise: what receivers take.
inline constexpr std::uint64_t kDefaultArchiveBytes = std::uint64_t{24} << 20;
inline constexpr std::uint64_t kMinArchiveBytes = std::uint64_t{64} << 10;
inline constexpr std::uint64_t kMaxArchiveBytes = std::uint64_t{4} << 30;
// How far records that are always stored may fill a full archive: to this many times its limit.
inline constexpr std::uint64_t kAlwaysStoredFactor = 2;
// Nesting of JSON in a record or a rule file. Kubernetes' own objects stay below 40.
inline constexpr std::size_t kMaxJsonDepth = 128;

// What one gatherer may say about its records; the rest is counted.
inline constexpr std::size_t kMaxNotes = 500;
inline constexpr std::size_t kMaxNoteBytes = 2'048;
inline constexpr std::size_t kMaxNotesBytes = 64 * 1024;
// Gatherers of one component, and what their descriptions may hold.
inline constexpr std::size_t kMaxGatherers = 256;
inline constexpr std::size_t kMaxNameBytes = 100;
inline constexpr std::size_t kMaxDescriptionBytes = 64 * 1024;
inline constexpr std::size_t kMaxRecordDescriptions = 256;
// Parameters of one gatherer, as JSON.
inline constexpr std::size_t kMaxParametersBytes = 256 * 1024;

// Gatherers that run at once, unless the manifest says otherwise.
inline constexpr std::uint32_t kDefaultConcurrency = 8;
inline constexpr std::uint32_t kMaxConcurrency = 64;

inline constexpr std::chrono::milliseconds kDefaultEvery{std::chrono::hours{2}};
inline constexpr std::chrono::milliseconds kMinEvery{std::chrono::seconds{1}};
inline constexpr std::chrono::milliseconds kMaxEvery{std::chrono::hours{24 * 31}};
inline constexpr std::chrono::milliseconds kDefaultTime{std::chrono::minutes{5}};

// Archives are kept for twelve days: six times the 2 h of an interval for each hour of a day.
inline constexpr std::chrono::milliseconds kDefaultKeep{std::chrono::hours{24 * 12}};
inline constexpr std::uint64_t kDefaultKeepBytes = std::uint64_t{1} << 30;
// Names in the folder of archives that are looked at.
inline constexpr std::size_t kMaxArchives = 100'000;

// A file of rules, what it may hold, and its regular expressions. Real ones have some 20 KiB.
inline constexpr std::size_t kMaxRulesBytes = std::size_t{1} << 20;
inline constexpr std::size_t kMaxRules = 64;
inline constexpr std::size_t kMaxConditions = 8;
inline constexpr std::size_t kMaxFunctions = 8;
inline constexpr std::size_t kMaxLogRequests = 1'000;
inline constexpr std::size_t kMaxPatterns = 256;
inline constexpr std::size_t kMaxPatternBytes = 1'024;
// Prometheus' answer about all alerts, and the firing alerts of one name that a gatherer is told of.
inline constexpr std::size_t kMaxAlertsBytes = std::size_t{8} << 20;
inline constexpr std::size_t kMaxAlertsOfName = 100;

// Addresses and names that are told apart in one cluster: twice what the largest clusters have. The table of
// addresses is a file of some 4 MiB then.
inline constexpr std::size_t kMaxAddresses = 100'000;
inline constexpr std::size_t kMaxTableBytes = std::size_t{16} << 20;
inline constexpr std::size_t kMaxObfuscatedNames = 200'000;
// The longest text of an IPv6 address; longer runs of its characters are digests.
inline constexpr std::size_t kMaxAddressText = 64;

// What is unpacked to report about an archive: twice the most that an archive may hold, so a bomb ends there.
inline constexpr std::uint64_t kMaxReportedBytes = kAlwaysStoredFactor * kMaxArchiveBytes;
// Metadata of an archive, and the gatherers in it: what kMaxGatherers of some workloads may say.
inline constexpr std::size_t kMaxMetadataBytes = std::size_t{64} << 20;
inline constexpr std::size_t kMaxReports = 10'000;

// A form with an archive of this size is made in memory, so that uploads go on when the disk is full; larger
// ones are made beside the archives.
inline constexpr std::uint64_t kMaxFormInMemory = std::uint64_t{16} << 20;

}  // namespace berth::gather
