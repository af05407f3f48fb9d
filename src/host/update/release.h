// Releases: tags that are versions, and whether one comes before another.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berth::host {

// Semantic Versioning 2.0, with the liberties that tags take: a leading "v", and "1" or "1.2" for
// "1.0.0" or "1.2.0". Build metadata does not count. Plain value.
struct Release {
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
  std::uint64_t patch = 0;
  std::vector<std::string> before;  // the identifiers of a pre-release: {"rc", "1"}

  // By precedence, as section 11 of the specification says.
  [[nodiscard]] std::strong_ordering operator<=>(const Release& other) const;
  [[nodiscard]] bool operator==(const Release& other) const { return (*this <=> other) == 0; }
};

// Nothing when the text is no version: "latest", "main", "v1-alpine" is one (a pre-release of 1.0.0).
[[nodiscard]] std::optional<Release> parse_release(std::string_view text);

// True when both are versions and `next` comes before `running`.
[[nodiscard]] bool is_downgrade(std::string_view running, std::string_view next);

}  // namespace berth::host
