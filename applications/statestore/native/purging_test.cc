// Tests of purging.
#include "applications/statestore/native/purging.h"

#include <gtest/gtest.h>

#include <thread>

#include "applications/statestore/native/memory_store.h"

namespace berth::statestore {
namespace {

using namespace std::chrono_literals;

TEST(KeepPurging, TakesExpiredEntriesOutUntilTheStoreIsGone) {
  auto io = net::IoContext::create(1).value();
  telemetry::Logger log({});
  auto store = std::make_shared<MemoryStore>();
  const std::size_t empty = store->save().size();
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 2500; ++i) {  // more than one step
      const std::string key = "key" + std::to_string(i);
      detach(store->set(current_time(), {.key = key, .value = "v", .expires = current_time()}),
             [](const auto& answer) { EXPECT_TRUE(*answer); });
    }
    if (round == 0) {  // later they may be gone already
      EXPECT_GT(store->save().size(), empty);
      keep_purging(*io, log, "store", store, 1ms);
    }
    while (store->save().size() != empty) std::this_thread::sleep_for(1ms);
  }
  const std::weak_ptr<Store> gone = store;
  store.reset();
  while (!gone.expired()) std::this_thread::sleep_for(1ms);
}

}  // namespace
}  // namespace berth::statestore
