// Hard maxima of the program, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>

namespace berth::cli {

// A request on the control socket: a method and a path or two.
inline constexpr std::size_t kMaxRequestBytes = 64 * 1024;
// An answer: the ring of log records as JSON, or the status of a thousand workloads.
inline constexpr std::size_t kMaxResponseBytes = 8 * 1024 * 1024;
// Each connection is a thread; a person and a few scripts need fewer.
inline constexpr std::size_t kMaxControlConnections = 16;
// `logs -f` asks four times a second; a connection that is silent for this long is gone.
inline constexpr std::chrono::seconds kControlIdle{60};
// How long a host waits for the socket of one that is ending.
inline constexpr std::chrono::milliseconds kLockWait{500};
// A swap compiles and hands state over before it answers.
inline constexpr std::chrono::minutes kControlAnswer{10};
// Records in one answer of `logs`.
inline constexpr std::size_t kMaxLogRecords = 1000;
// A certificate bundle: the system's own has some 200 KiB.
inline constexpr std::size_t kMaxPemBytes = 1024 * 1024;

}  // namespace berth::cli
