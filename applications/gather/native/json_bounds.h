// JSON bounds: what must hold before a text from a stranger is parsed into a tree.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"

namespace berth::gather {

// kInvalidArgument: nested deeper than `max_depth`. Linear; says nothing else about the text.
[[nodiscard]] inline Result<> check_json_depth(std::string_view text, std::size_t max_depth) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > max_depth)
        return fail(Code::kInvalidArgument, "nested deeper than " + std::to_string(max_depth) + " levels");
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return {};
}

}  // namespace berth::gather
