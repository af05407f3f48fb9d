// Hard maxima of what a guest writes to its standard streams.
#pragma once

#include <cstddef>

namespace berth::cli_streams {

// One line; longer ones are logged in pieces, so a guest that never ends a line costs this much memory.
// As long as a log message may be (telemetry), so that no piece is cut again.
inline constexpr std::size_t kMaxLineBytes = 8 * 1024;

// Lines of one workload a second and at once. A program that traces each call stays readable; a flood
// costs the operator's disk at most 2 MB a second, and the rest is counted.
inline constexpr double kLinesPerSecond = 200;
inline constexpr double kLineBurst = 1000;

}  // namespace berth::cli_streams
