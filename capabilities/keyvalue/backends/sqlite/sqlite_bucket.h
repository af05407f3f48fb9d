// SQLite bucket: a file of its own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "base/error.h"
#include "capabilities/keyvalue/provider.h"

namespace berth::keyvalue {

// Plain value.
struct SqliteOptions {
  std::filesystem::path file;
  std::uint64_t max_bytes = 0;
};

// Blocks on the disk. Errors as Database::open.
[[nodiscard]] Result<std::unique_ptr<Bucket>> open_sqlite(const SqliteOptions& options);

}  // namespace berth::keyvalue
