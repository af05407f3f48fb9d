// Redis bucket: the keys of one database that begin with a prefix.
#pragma once

#include <memory>

#include "capabilities/keyvalue/backends/redis/connection.h"
#include "capabilities/keyvalue/provider.h"

namespace berth::keyvalue {

// Does not connect yet.
[[nodiscard]] std::unique_ptr<Bucket> open_redis(RedisOptions options);

}  // namespace berth::keyvalue
