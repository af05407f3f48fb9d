// YAML text to Value: the plain part of YAML that a manifest needs, with bounds.
#pragma once

#include <optional>
#include <string_view>

#include "manifest/problems.h"
#include "manifest/value.h"

namespace berth::manifest {

// Parses one document. Refused, with a problem: anchors, aliases, merge keys, tags, duplicate keys,
// keys that are no scalars, a second document, text that is not UTF-8, and what limits.h bounds.
// Nothing when the text cannot be read at all; check problems.empty() in either case.
[[nodiscard]] std::optional<Value> parse_yaml(std::string_view text, Problems& problems);

}  // namespace berth::manifest
