// JSON from strangers: bounded and unambiguous, or refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace berth::artifact::oci {

using Json = nlohmann::json;

// An object of at most `max_bytes`, kMaxJsonDepth and kMaxJsonValues. A key that stands twice in one object
// is refused: two programs would read two different documents. `what` begins the message: "the manifest".
// kInvalidArgument; kResourceExhausted for a limit.
[[nodiscard]] Result<Json> parse_object(std::string_view text, std::size_t max_bytes, std::string_view what);

// The member `key` of an object; absent and null are the same: nothing. Another type than asked for is
// kInvalidArgument, naming the key.
[[nodiscard]] Result<std::optional<std::string>> text_member(const Json& object, const char* key);
[[nodiscard]] Result<std::optional<std::uint64_t>> count_member(const Json& object, const char* key);
// The array or object itself; null where absent. Lives as long as `object`.
[[nodiscard]] Result<const Json*> array_member(const Json& object, const char* key, std::size_t max_items);
[[nodiscard]] Result<const Json*> object_member(const Json& object, const char* key);

}  // namespace berth::artifact::oci
