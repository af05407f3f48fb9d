// Paths of records: which are accepted, and how long names are cut.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace berth::gather {

// The path as it stands in the archive: file names longer than kMaxPartBytes lose the end of their stem, so
// that the extension stays. kInvalidArgument for the author of a gatherer: absolute, an empty part, "." or
// "..", a control character or no UTF-8, a backslash, too long or too deep.
[[nodiscard]] Result<std::string> checked_path(std::string_view path);

}  // namespace berth::gather
