// WatchStream: one watch, from its list over any number of connections to its end.
#pragma once

#include <chrono>
#include <memory>

#include "capabilities/kubernetes/api/kept_lists.h"
#include "capabilities/kubernetes/provider.h"

namespace berth::kubernetes {

// All of them outlive it; `caller.stop` ends its waits.
[[nodiscard]] std::unique_ptr<Watch> make_watch(Client& client, Running& running, KeptLists& lists,
                                                ListQuery query, Caller caller);

}  // namespace berth::kubernetes
