// Components as Gatherers. The only file that knows the WIT.
#pragma once

#include <memory>
#include <string_view>

#include "host/capability.h"
#include "host/component/binder.h"

namespace berth::gather {

inline constexpr std::string_view kGatherersInterface = "berth:gather/gatherers@0.1.0";

// Binds a component that exports berth:gather/gatherers; callers then use host::Typed<Gatherers>.
[[nodiscard]] host::Binder gatherers_binder();

// What allows the import berth:gather/records: it reaches nothing but the outputs that gatherers are given,
// so that every workload which gathers has it.
[[nodiscard]] std::shared_ptr<const host::Grant> records_grant();

}  // namespace berth::gather
