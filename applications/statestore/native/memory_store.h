// MemoryStore: the guest's own entries run natively: a native guest, and the measure for the component.
#pragma once

#include <mutex>
#include <span>
#include <vector>

#include "applications/statestore/guests/store/entries.h"
#include "applications/statestore/native/store.h"

namespace berth::statestore {

// Has every feature. Never waits. Callers take turns on their own threads, so it is Thread-safe.
class MemoryStore final : public Store {
 public:
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

  // berth:lifecycle/handover. restore() fails with kGuestError.
  [[nodiscard]] std::vector<std::uint8_t> save() const;
  Result<void> restore(std::span<const std::uint8_t> state);

 private:
  // With the mutex held.
  [[nodiscard]] std::optional<Entry> look_up(Time now, std::string_view key) const;
  std::expected<std::string, StoreError> write(Time now, const Write& write);
  std::expected<void, StoreError> erase(Time now, const Removal& removal);

  mutable std::mutex mutex_;
  memory::Entries entries_{[](std::span<const std::size_t>) { return true; }};  // guarded by mutex_
};

}  // namespace berth::statestore
