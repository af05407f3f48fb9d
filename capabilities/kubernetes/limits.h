// Hard maxima of the kubernetes capability: what a guest can make the host send and hold, and what an API
// server can make it take.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace berth::kubernetes {

// ---- what a guest names

// A DNS subdomain, as the API has it for groups; labels are shorter.
inline constexpr std::size_t kMaxGroupBytes = 253;
inline constexpr std::size_t kMaxLabelBytes = 63;
// Names of objects are subdomains too; those of roles, users and the like are longer at times.
inline constexpr std::size_t kMaxNameBytes = 512;
// A selector stays below the request line of common proxies when it is percent-encoded.
inline constexpr std::size_t kMaxSelectorBytes = 2048;
// etcd's token for the next page is about 200 bytes; aggregated APIs have longer ones.
inline constexpr std::size_t kMaxContinueBytes = 4096;
// The API's own maximum of what it takes in one request.
inline constexpr std::size_t kMaxSentBytes = std::size_t{3} << 20;
// One page as a guest may ask for it.
inline constexpr std::uint32_t kMaxPageItems = 5000;
// Logs of one container in one call.
inline constexpr std::uint32_t kMaxLogBytes = std::uint32_t{16} << 20;

// ---- what an API server sends

// One object: etcd takes 1.5 MiB; aggregated APIs make larger ones.
inline constexpr std::size_t kMaxObjectBytes = std::size_t{8} << 20;
// A page, discovery: what is handed to a guest or parsed as a whole.
inline constexpr std::size_t kMaxAnswerBytes = std::size_t{16} << 20;
// A Status; a longer one is cut off by refusing it.
inline constexpr std::size_t kMaxStatusBytes = std::size_t{1} << 20;
// Nesting of an answer. The deepest schemas in definitions of resources have some 60.
inline constexpr std::size_t kMaxJsonDepth = 256;
// What a list says besides its items.
inline constexpr std::size_t kMaxListHeadBytes = std::size_t{64} << 10;
// Resources of one API, as discovery lists them; OpenShift has about 400.
inline constexpr std::size_t kMaxApiResources = 20'000;

// ---- lists

// Objects of a page that the host asks for: the API's own clients do the same. Fewer where objects are large,
// so that a page stays near kPageBytes.
inline constexpr std::uint32_t kPageItems = 500;
inline constexpr std::size_t kPageBytes = std::size_t{4} << 20;
// What one call of a guest gets: large enough that calls do not count, small enough for a guest's memory.
inline constexpr std::size_t kBatchBytes = std::size_t{256} << 10;
// A list on disk, and all lists of one cluster together: a cluster of 100,000 pods is some 1 GiB.
inline constexpr std::uint64_t kMaxListBytes = std::uint64_t{4} << 30;
inline constexpr std::uint64_t kMaxKeptListBytes = std::uint64_t{8} << 30;
inline constexpr std::size_t kMaxKeptLists = 256;
// Pages of one list: five million objects. A server could name a next page for ever.
inline constexpr std::uint32_t kMaxPages = 10'000;
inline constexpr std::chrono::seconds kDefaultMaxAge{60};
inline constexpr std::chrono::hours kMaxMaxAge{24};

// ---- watches

// Events that wait for a guest; beyond it the watch is ended and later resumed where it stopped.
inline constexpr std::size_t kMaxWaitingEventBytes = std::size_t{1} << 20;
// The API ends a watch after this; asked for, so that load spreads over servers.
inline constexpr std::chrono::seconds kWatchTime{290};
// Bookmarks come about once a minute. Silence for longer is a connection that only looks open.
inline constexpr std::chrono::seconds kWatchSilence{90};
// A lost watch is resumed at once, then with growing pauses; without success for this long it has failed.
inline constexpr std::chrono::seconds kWatchPatience{120};
inline constexpr std::uint32_t kMaxWaitMilliseconds = 10 * 60 * 1000;

// ---- requests

inline constexpr std::chrono::milliseconds kConnectTime{10'000};
inline constexpr std::chrono::milliseconds kRequestTime{60'000};
// Tries of one request. With these pauses (doubled, up to a third more by chance) an API server that
// restarts or is overloaded for some seconds is not noticed.
inline constexpr int kMaxTries = 5;
inline constexpr std::chrono::milliseconds kFirstPause{200};
// A longer Retry-After is the guest's to wait for.
inline constexpr std::chrono::milliseconds kMaxPause{5'000};
// A token file is read again after this; the kubelet replaces it long before the token expires.
inline constexpr std::chrono::seconds kTokenAge{30};
// Credentials and kubeconfigs on disk.
inline constexpr std::size_t kMaxTokenBytes = std::size_t{64} << 10;
inline constexpr std::size_t kMaxPemFileBytes = std::size_t{1} << 20;

// ---- grants

inline constexpr std::size_t kMaxRules = 256;
inline constexpr std::size_t kMaxRedactedPaths = 256;
// Parts of one redacted path.
inline constexpr std::size_t kMaxPathParts = 32;
// Listings and watches of one workload that are open at once.
inline constexpr std::size_t kMaxOpen = 256;

}  // namespace berth::kubernetes
