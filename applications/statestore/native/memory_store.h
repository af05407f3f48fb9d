// MemoryStore: the guest's own entries run natively: a native guest, and the measure for the component.
#pragma once

#include <mutex>
#include <span>
#include <vector>

#include "applications/statestore/guests/store/entries.h"
#include "applications/statestore/native/store.h"

namespace berth::statestore {

// Never waits. Callers take turns on their own threads, so it is Thread-safe.
class MemoryStore final : public Store {
 public:
  Task<Answer<std::optional<Entry>>> get(std::string_view key) override;
  Task<Answer<std::string>> set(std::string_view key, std::string_view value, Condition condition) override;
  Task<Answer<void>> remove(std::string_view key, Condition condition) override;

  // berth:lifecycle/handover. restore() fails with kGuestError.
  [[nodiscard]] std::vector<std::uint8_t> save() const;
  Result<void> restore(std::span<const std::uint8_t> state);

 private:
  mutable std::mutex mutex_;
  memory::Entries entries_{[](std::span<const std::size_t>) { return true; }};  // guarded by mutex_
};

}  // namespace berth::statestore
