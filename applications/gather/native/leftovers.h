// Leftovers: files that are not finished, and what killed programs left of them.
#pragma once

#include <filesystem>

#include "base/error.h"
#include "base/file_system.h"

namespace berth::gather {

// A new file in `folder`, open for reading and writing, mode 0640, locked for as long as it is open. Its name
// tells remove_leftovers() what it is.
[[nodiscard]] Result<File> create_partial(const std::filesystem::path& folder);

// Removes those files of create_partial() that no living process has open. What cannot be removed stays.
void remove_leftovers(const std::filesystem::path& folder);

}  // namespace berth::gather
