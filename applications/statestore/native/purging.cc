// Purging: one walk, and the next one.
#include "applications/statestore/native/purging.h"

#include <utility>

namespace berth::statestore {

namespace {

// What went wrong, or nothing.
Task<std::string> purge_all(std::shared_ptr<Store> store) {
  std::optional<std::string> after;
  do {
    auto step = co_await store->purge(current_time(), after);
    if (!step) co_return step.error().code() == Code::kUnavailable ? "" : step.error().message();
    if (!*step) co_return step->error().kind == StoreError::Kind::kUnsupported ? "" : step->error().message;
    after = std::move((*step)->next);
  } while (after);
  co_return "";
}

}  // namespace

void keep_purging(net::IoContext& io, telemetry::Logger& log, std::string name, std::weak_ptr<Store> store,
                  std::chrono::nanoseconds every) {
  io.post_after(every, [&io, &log, name = std::move(name), store = std::move(store), every]() mutable {
    auto alive = store.lock();
    if (alive == nullptr) return;
    detach(purge_all(std::move(alive)), [&io, &log, name = std::move(name), store = std::move(store),
                                         every](const std::string& wrong) mutable {
      if (!wrong.empty())
        log.warn("expired entries could not be taken out", {{"workload", name}, {"error", wrong}});
      keep_purging(io, log, std::move(name), std::move(store), every);
    });
  });
}

}  // namespace berth::statestore
