// Purging: expired entries are taken out of a store now and then; they are never seen, whether it happens or
// not.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "applications/statestore/native/store.h"
#include "net/io_context.h"
#include "telemetry/log.h"

namespace berth::statestore {

// Every `every` walks through the store with purge(), until the store is gone. Other calls have their turn
// between the steps. What fails is logged under the workload's `name`, and tried again the next time. `io`
// and `log` outlive the store.
void keep_purging(net::IoContext& io, telemetry::Logger& log, std::string name, std::weak_ptr<Store> store,
                  std::chrono::nanoseconds every);

}  // namespace berth::statestore
