// Reading where components come from: sources, signatures, registries, the store.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "manifest/manifest.h"

namespace berth::manifest {

// Relative paths start at `folder`. Problems of the first two begin with `path`.
[[nodiscard]] std::optional<Source> read_source(const Value& value, const std::string& path,
                                                const std::filesystem::path& folder, Problems& problems);
[[nodiscard]] Signature read_signature(const Value& value, const std::string& path,
                                       const std::filesystem::path& folder, Problems& problems);
[[nodiscard]] Store read_store(const Value& value, const std::filesystem::path& folder, Problems& problems);
[[nodiscard]] std::vector<Registry> read_registries(const Value& value, const std::filesystem::path& folder,
                                                    Problems& problems);

}  // namespace berth::manifest
