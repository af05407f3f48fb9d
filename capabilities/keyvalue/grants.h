// keyvalue: the manifest section `keyvalue: { NAME: { sqlite: FILE }, NAME: { redis: URL } }`.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>

#include "capabilities/grants/capability.h"
#include "capabilities/keyvalue/backends/redis/redis_bucket.h"
#include "capabilities/keyvalue/backends/sqlite/sqlite_bucket.h"

namespace berth::keyvalue {

// By the name that the guest opens.
using BucketOptions = std::map<std::string, std::variant<SqliteOptions, RedisOptions>, std::less<>>;

// The map under `keyvalue:`; nothing when there are problems. Does not look at the disk or the network.
[[nodiscard]] std::optional<BucketOptions> read(const manifest::Value& value, const std::string& path,
                                                manifest::Problems& problems);

[[nodiscard]] grants::Capability capability();

}  // namespace berth::keyvalue
