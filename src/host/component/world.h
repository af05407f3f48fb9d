// The world check: is every import of a component covered by a grant?
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "abi/component.h"
#include "base/error.h"
#include "host/capability.h"

namespace berth::host {

// An import that nothing covers. Plain value.
struct Uncovered {
  std::string import;
  std::string how_to_allow;  // "to allow it, write under workloads.shop.grants: clocks: {}"
};
// In the order of the component. `covered` says whether a grant provides an interface.
[[nodiscard]] std::vector<Uncovered> uncovered_imports(
    const abi::Shape& shape, const std::function<bool(std::string_view interface)>& covered,
    std::span<const CapabilityInfo> offered, std::string_view workload);

// The grants that the component needs, each once, in the order of `grants`.
//  kPermissionDenied: an import is covered by none. The message names the first one and the manifest
//  line that would allow it; detail() lists all of them.
[[nodiscard]] Result<Grants> grants_for(const abi::Shape& shape, const Grants& grants,
                                        std::span<const CapabilityInfo> offered, std::string_view workload);

// The imports that need code, as the component names them: what an update may not quietly have more of
// (host/update/imports.h).
[[nodiscard]] std::vector<std::string> imports_of(const abi::Shape& shape);

// True for "wasi:..." imports: then an instance needs a WASI environment.
[[nodiscard]] bool imports_wasi(const abi::Shape& shape);

// True for wasi:io, which moves bytes between what other grants gave and gives nothing itself.
[[nodiscard]] bool is_wasi_io(std::string_view interface);

}  // namespace berth::host
