// config binding: wasi:config/store over a Store.
#pragma once

#include <memory>
#include <string_view>

#include "capabilities/config/provider.h"
#include "host/capability.h"

namespace berth::config {

[[nodiscard]] bool covers(std::string_view interface);
[[nodiscard]] std::shared_ptr<const host::Grant> grant(std::shared_ptr<const Store> store);

}  // namespace berth::config
