// JSON from strangers: bounded size and depth, no name twice in an object, errors as values.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/error.h"

namespace berth::artifact::signature {

// nlohmann's own parse keeps the last of two equal names, so that two readers of one text could see
// different things.
[[nodiscard]] Result<nlohmann::json> parse_bounded(std::string_view text, std::size_t max_bytes);

// The text at a pointer such as "/critical/type"; nothing when there is none. Lives as long as `json`.
[[nodiscard]] const std::string* text_at(const nlohmann::json& json, const char* pointer);

}  // namespace berth::artifact::signature
