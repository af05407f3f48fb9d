// The hard maxima of this room, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace berth::host {

// Compiled code of one component. It is two to four times the component's size; more is a bomb.
inline constexpr std::size_t kMaxCompiledBytes = std::size_t{1} << 30;

// Compilers running at once. Each may use its limit of memory, and more than processors gain nothing.
inline constexpr unsigned kMaxCompilations = 2;
// Threads of one compiler. Each takes 2 MiB of addresses for its stack and 64 MiB for its heap from the
// compiler's limit of memory; the largest components seen gain little beyond this.
inline constexpr unsigned kMaxCompileThreads = 8;
// What a compiler may say about a component: an error with its context fits many times.
inline constexpr std::size_t kMaxCompilerMessageBytes = 8'192;
// The calls being served come first. Somebody waits for a new version; nobody waits for better code.
inline constexpr int kCompileNice = 5;
inline constexpr int kImproveNice = 19;
// How long a version has served before better code is made of it. One that is replaced at once, or a program
// that gathers once, would take processors for code that never runs.
inline constexpr std::chrono::seconds kImproveAfter{2};

// Smaller components are compiled once and well: Cranelift takes less than 0.2 s, which is not worth a swap.
inline constexpr std::size_t kTieredFromBytes = std::size_t{256} << 10;

// Versions of one workload alive at once: the current one and those still draining. One slot of the
// version table each. More means that swaps come faster than calls end; the next swap is refused.
inline constexpr std::uint32_t kMaxLiveVersions = 64;

// Calls of one workload at once. Each has a slot (64 bytes) in every live version.
inline constexpr std::uint32_t kMaxConcurrentCalls = 65'536;

// Instances of one workload that keep state. Each is a share of the keys on a processor of its own; more
// than a machine has processors gain nothing.
inline constexpr std::uint32_t kMaxShards = 256;

// Callers waiting for one workload. A waiting caller is a coroutine frame or a thread; a longer
// queue only turns overload into timeouts.
inline constexpr std::uint32_t kMaxQueue = 1'000'000;

// State handed over in a swap: it is in memory three times for a moment (both guests and the host).
inline constexpr std::size_t kMaxHandoverBytes = std::size_t{256} << 20;

// After a drain deadline the remaining calls are cancelled; this long they have to end before the
// workload's stop is reported as incomplete.
inline constexpr std::chrono::seconds kCancelGrace{5};

// Calls that a shadow has still to repeat. Each holds a copy of its arguments and of the answer that was
// given. One that keeps state must repeat every call, so the queue holds some milliseconds of a full load.
inline constexpr std::size_t kMaxShadowQueue = 4096;
inline constexpr std::size_t kMaxShadowBytes = std::size_t{64} << 20;

// How often the deadlines of calls that wait in host functions are looked at. It is what such a call
// may overshoot; one look at 10,000 calls takes some 10 us.
inline constexpr std::chrono::milliseconds kDeadlineScan{5};

}  // namespace berth::host
