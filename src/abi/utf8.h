// UTF-8 validation.
#pragma once

#include <string_view>

namespace berth::abi {

// True for well-formed UTF-8 (Unicode, table 3-7): no overlong forms, no surrogates, nothing past
// U+10FFFF. ASCII runs at memory speed.
[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace berth::abi
