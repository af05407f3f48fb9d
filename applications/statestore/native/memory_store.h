// MemoryStore: the guest's own entries run natively: a native guest, and the measure for the component.
#pragma once

#include <mutex>
#include <span>
#include <vector>

#include "applications/statestore/guests/store/entries.h"
#include "applications/statestore/native/store.h"

namespace berth::statestore {

// One thread at a time.
class MemoryStore final : public Store {
 public:
  Answer<std::optional<Entry>> get(std::string_view key) override;
  Answer<std::string> set(std::string_view key, std::string_view value, const Condition& condition) override;
  Answer<void> remove(std::string_view key, const Condition& condition) override;

  // berth:lifecycle/handover.
  [[nodiscard]] Result<std::vector<std::uint8_t>> save() const;
  Result<void> restore(std::span<const std::uint8_t> state);

 private:
  store::Entries entries_{[](std::size_t) { return true; }};
};

// Callers of one Store take turns on their own threads.
// Thread-safe.
class DirectStore final : public StoreService {
 public:
  // `store` must outlive this.
  explicit DirectStore(Store& store) : store_(store) {}
  Task<Answer<std::optional<Entry>>> get(std::string_view key) override;
  Task<Answer<std::string>> set(std::string_view key, std::string_view value, Condition condition) override;
  Task<Answer<void>> remove(std::string_view key, Condition condition) override;

 private:
  std::mutex mutex_;
  Store& store_;
};

}  // namespace berth::statestore
