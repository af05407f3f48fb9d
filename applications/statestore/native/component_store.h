// ComponentStore: the exports of a store component as a Store. The only file that knows the WIT.
#pragma once

#include <string_view>

#include "applications/statestore/native/store.h"
#include "host/component/binder.h"

namespace berth::statestore {

inline constexpr std::string_view kStoreInterface = "berth:state/store@0.2.0";

// Binds a component that exports berth:state/store, and whatever else of berth:state it exports; callers
// then use host::Typed<Store>. Each instance gets `settings` before anything else.
//  kFailedPrecondition: it lacks the interface of a feature that it says it has.
//  kGuestError: it does not want these settings.
[[nodiscard]] host::Binder store_binder(Settings settings);

}  // namespace berth::statestore
