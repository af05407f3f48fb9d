// WorkloadStore: a Store that is a workload of the host, whatever version it runs now.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "applications/statestore/native/store.h"
#include "host/call.h"

namespace berth::statestore {

// What decides where a key is kept: the text in its first {braces}, if there is any, so that keys with
// the same text in them stay together; otherwise the whole key.
[[nodiscard]] std::string_view tag_of(std::string_view key);

// Any number of callers; those of one key come in the order in which they call.
//
// Where the workload has several instances that keep state, each has the keys that fall to it by a hash.
// The bulk forms, scan, remove_prefix and purge go from one to the next; a transaction is refused with
// kScattered unless one instance has all its keys, because two cannot write as one.
//
// Thread-safe.
class WorkloadStore final : public Store {
 public:
  explicit WorkloadStore(host::Typed<Store> workload) : workload_(std::move(workload)) {}

  Task<Answer<Features>> features() override;
  Task<Answer<std::optional<Entry>>> get(Time now, std::string_view key) override;
  Task<Answer<std::string>> set(Time now, Write write) override;
  Task<Answer<void>> remove(Time now, Removal removal) override;
  Task<Answer<Each<std::optional<Entry>>>> get_many(Time now,
                                                    std::span<const std::string_view> keys) override;
  Task<Answer<Each<std::string>>> set_many(Time now, std::span<const Write> writes) override;
  Task<Answer<Each<void>>> remove_many(Time now, std::span<const Removal> removals) override;
  Task<Answer<void, Failure>> transact(Time now, std::span<const Operation> operations) override;
  Task<Answer<Page>> scan(Time now, std::string_view prefix, std::optional<std::string_view> after,
                          std::uint32_t limit) override;
  Task<Answer<std::uint64_t>> remove_prefix(Time now, std::string_view prefix) override;
  Task<Answer<Purged>> purge(Time now, std::optional<std::string_view> after) override;

 private:
  [[nodiscard]] std::uint32_t shards() const { return workload_.workload().shards(); }
  [[nodiscard]] host::CallOptions about(std::string_view key) const;
  [[nodiscard]] host::CallOptions at(std::uint32_t shard) const { return {.shard = shard}; }
  // The items of each shard in one call to it.
  template <class T, class Item, class F>
  Task<Answer<Each<T>>> spread(std::span<const Item> items, F call) const;

  host::Typed<Store> workload_;
};

}  // namespace berth::statestore
