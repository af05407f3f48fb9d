// Hard maxima that all capabilities share: what one workload's denials and grants can cost the host.
#pragma once

#include <cstddef>
#include <cstdint>

namespace berth::grants {

// Denial lines of one capability of one workload, a second and at once. A guest decides how often it
// is denied; an operator needs the first few. The rest is counted in the next line and the metric.
inline constexpr double kDenialLinesPerSecond = 2;
inline constexpr double kDenialLineBurst = 20;

// Lines about what fails behind a capability, for the same reason.
inline constexpr double kFailureLinesPerSecond = 1;
inline constexpr double kFailureLineBurst = 5;

// Part of a denial that the guest chose (host name, method), as shown in the line.
inline constexpr std::size_t kMaxShownBytes = 256;

// Items of one list in a grant. Each is tried for each request; more belong into a wider rule.
inline constexpr std::size_t kMaxListItems = 256;

// A host name in DNS is at most 253 bytes; with scheme and port it stays below this.
inline constexpr std::size_t kMaxHostRuleBytes = 280;

}  // namespace berth::grants
