// Bytes as this room passes them, and base64.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace berth::artifact::signature {

using Bytes = std::vector<std::uint8_t>;
using BytesView = std::span<const std::uint8_t>;

// Lives as long as the text.
[[nodiscard]] inline BytesView bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
[[nodiscard]] inline std::string_view text_of(BytesView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// RFC 4648, section 4, with padding.
[[nodiscard]] std::string to_base64(BytesView bytes);
// Nothing when it is not exactly that; spaces and newlines count as wrong.
[[nodiscard]] std::optional<Bytes> from_base64(std::string_view text);

}  // namespace berth::artifact::signature
