// keyvalue binding: wasi:keyvalue over Buckets.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "capabilities/grants/services.h"
#include "capabilities/keyvalue/provider.h"
#include "host/capability.h"

namespace berth::keyvalue {

using Buckets = std::map<std::string, std::unique_ptr<Bucket>, std::less<>>;

// What the manifest takes: 1 to kMaxBucketNameBytes letters, digits, -, _ or .
[[nodiscard]] bool is_bucket_name(std::string_view name);
[[nodiscard]] bool covers(std::string_view interface);
// A shadow has none: what it writes would be seen.
[[nodiscard]] std::shared_ptr<const host::Grant> grant(Buckets buckets, const grants::Services& services);

}  // namespace berth::keyvalue
