// WWW-Authenticate and Link: the two structured headers of the distribution specification.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace berth::artifact::oci {

// One challenge: `Bearer realm="https://host/token",service="host"`. Plain value.
struct Challenge {
  std::string scheme;                                           // lower case
  std::vector<std::pair<std::string, std::string>> parameters;  // names in lower case, each once
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
};

// The challenges of one header field (RFC 9110, 11.6.1). Refused with kInvalidArgument: what does not follow
// the grammar, Bearer or Basic with something else than parameters, a parameter that stands twice, a value
// with anything but printable ASCII. kResourceExhausted: more than kMaxChallenges, or one that is too large.
[[nodiscard]] Result<std::vector<Challenge>> parse_challenges(std::string_view field);

// The target of rel="next" in a Link field (RFC 8288); nothing without one. kInvalidArgument.
[[nodiscard]] Result<std::optional<std::string>> parse_next_link(std::string_view field);

}  // namespace berth::artifact::oci
