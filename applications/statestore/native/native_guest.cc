// MemoryStore as a Guest.
#include "applications/statestore/native/native_guest.h"

#include "applications/statestore/native/memory_store.h"

namespace berth::statestore {

namespace {

// As its Guest: one thread at a time.
class StoreGuest final : public host::Guest {
 public:
  void* exports() override { return static_cast<Store*>(&store_); }
  [[nodiscard]] bool dead() const override { return false; }
  Result<std::vector<std::uint8_t>> save(host::Deadline) override { return store_.save(); }
  Result<void> restore(std::span<const std::uint8_t> state, host::Deadline) override {
    return store_.restore(state);
  }

 private:
  MemoryStore store_;
};

}  // namespace

std::shared_ptr<const host::Version> native_store_version(std::string digest) {
  host::Version::About about{.digest = std::move(digest),
                             .source = "native",
                             .exports = host::exports_type<Store>(),
                             .fibre = false,
                             .probe = false,
                             .handover = true};
  return std::make_shared<host::NativeVersion>(
      std::move(about),
      []() -> Result<std::unique_ptr<host::Guest>> { return std::make_unique<StoreGuest>(); });
}

}  // namespace berth::statestore
