// The C++ header of one world.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "bindgen/wit.h"

namespace berth::bindgen {

struct EmitOptions {
  std::string root;  // "wit::store": everything is inside
  std::vector<std::string>
      async;  // "iface", "iface#func"; iface short, or "ns:pkg/iface"; "#func" at the root
};

// kInvalidArgument when an entry of `async` names nothing.
[[nodiscard]] Result<std::string> emit_header(const Wit& wit, const EmitOptions& options);

}  // namespace berth::bindgen
