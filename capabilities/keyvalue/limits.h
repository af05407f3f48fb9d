// Hard maxima of the keyvalue capability: what one guest can make the host hold, send or write at once.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace berth::keyvalue {

// Buckets of one workload; each has a thread and a file or a connection.
inline constexpr std::size_t kMaxBuckets = 64;
inline constexpr std::size_t kMaxBucketNameBytes = 64;
// A key: twice the state API's longest, for stores that put something in front of it.
inline constexpr std::size_t kMaxKeyBytes = 8 * 1024;
// One value: above it belongs a file. It is copied on its way from guest to backend.
inline constexpr std::size_t kMaxValueBytes = std::size_t{16} << 20;
// One batch: as many items as the state API takes in one call, and what one call may move in all.
inline constexpr std::size_t kMaxBatchItems = 10'000;
inline constexpr std::size_t kMaxBatchBytes = std::size_t{32} << 20;
// A page of list-keys: at most 8 MiB of the longest keys, usually some 40 KiB.
inline constexpr std::size_t kPageKeys = 1000;
// Values that the cas handles of one workload hold in the host's memory.
inline constexpr std::size_t kMaxCasBytes = std::size_t{64} << 20;

// Calls that wait for one bucket. A guest waits for its call, so this is reached by instances that gave up
// at their deadline while a backend hangs.
inline constexpr std::size_t kMaxWaiting = 1024;
inline constexpr std::size_t kMaxWaitingBytes = std::size_t{256} << 20;
// Calls served together: one transaction of SQLite, one round trip to Redis.
inline constexpr std::size_t kMaxServedTogether = 64;

// How long SQLite waits for another process that writes to the file.
inline constexpr std::chrono::milliseconds kBusyWait{2000};
// What an SQLite file may grow to unless the grant says otherwise.
inline constexpr std::uint64_t kDefaultMaxFileBytes = std::uint64_t{1} << 30;
inline constexpr std::uint64_t kLeastMaxFileBytes = std::uint64_t{1} << 20;
inline constexpr std::uint64_t kMostMaxFileBytes = std::uint64_t{1} << 40;
// Redis: connecting, and each wait for more of an answer. Below the deadlines that guests usually have, so
// that they see the error.
inline constexpr std::chrono::milliseconds kRedisWait{2000};
// After a connection failed, calls fail at once for this long: none of them queues up behind the next try.
inline constexpr std::chrono::milliseconds kRedisPause{500};
inline constexpr int kMaxRedisDatabase = 16'383;
inline constexpr std::size_t kMaxPasswordBytes = 4096;

}  // namespace berth::keyvalue
