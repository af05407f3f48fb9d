// ComponentStore: the exports of a store component as a Store. The only file that knows the WIT.
#pragma once

#include "host/component/binder.h"

namespace berth::statestore {

// Binds a component that exports berth:state/store; callers then use host::Typed<Store>.
[[nodiscard]] host::Binder store_binder();

}  // namespace berth::statestore
