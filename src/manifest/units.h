// Units: sizes, durations, shares and addresses as people write them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace berth::manifest {

// All fail with kInvalidArgument; the message says what to write instead.

// "64MiB", "512KiB", "2GiB", "100B" or a plain number of bytes.
[[nodiscard]] Result<std::uint64_t> parse_bytes(std::string_view text);
// "250ms", "30s", "5m", "2h".
[[nodiscard]] Result<std::chrono::milliseconds> parse_duration(std::string_view text);
// "5%" or "0.5%" as 0.05 or 0.005; at most 100%.
[[nodiscard]] Result<double> parse_percent(std::string_view text);

// "2x" or "1.5x": a factor from 1 to kMaxFactor.
[[nodiscard]] Result<double> parse_factor(std::string_view text);

// Where to listen: a literal address, so that no name server decides it.
struct Endpoint {
  std::string host;                             // "127.0.0.1" or "::1"
  std::uint16_t port = 0;                       // 0: the system chooses
  [[nodiscard]] std::string to_string() const;  // "127.0.0.1:3500", "[::1]:3500"
};
// "127.0.0.1:3500", "[::1]:3500", "localhost:3500".
[[nodiscard]] Result<Endpoint> parse_endpoint(std::string_view text);

// As the parser would take it back: "64MiB", "30s".
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);
[[nodiscard]] std::string format_duration(std::chrono::milliseconds duration);
[[nodiscard]] std::string format_percent(double share);  // 0.05 as "5%"
[[nodiscard]] std::string format_factor(double factor);  // "2x"

}  // namespace berth::manifest
