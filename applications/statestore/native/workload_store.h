// WorkloadStore: a Store that is a workload of the host, whatever version it runs now.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "applications/statestore/native/store.h"
#include "host/call.h"

namespace berth::statestore {

// Any number of callers; those of one key come in the order in which they call.
// Thread-safe.
class WorkloadStore final : public Store {
 public:
  explicit WorkloadStore(host::Typed<Store> workload) : workload_(std::move(workload)) {}

  // Each with the same call for a shadow, which runs later: on copies.
  Task<Answer<std::optional<Entry>>> get(std::string_view key) override {
    return workload_.call_async(
        {}, [key](Store& store) { return store.get(key); },
        [key] { return [key = std::string(key)](Store& store) { return store.get(key); }; });
  }
  Task<Answer<std::string>> set(std::string_view key, std::string_view value, Condition condition) override {
    return workload_.call_async(
        {}, [=](Store& store) { return store.set(key, value, condition); },
        [=] {
          return [key = std::string(key), value = std::string(value), kind = condition.kind,
                  etag = std::string(condition.etag)](Store& store) {
            return store.set(key, value, {kind, etag});
          };
        });
  }
  Task<Answer<void>> remove(std::string_view key, Condition condition) override {
    return workload_.call_async(
        {}, [=](Store& store) { return store.remove(key, condition); },
        [=] {
          return [key = std::string(key), kind = condition.kind, etag = std::string(condition.etag)](
                     Store& store) { return store.remove(key, {kind, etag}); };
        });
  }

 private:
  // A canary by key sends the calls of one key to one version.
  static host::CallOptions about(std::string_view key) { return {.key = std::hash<std::string_view>()(key)}; }

  host::Typed<Store> workload_;
};

}  // namespace berth::statestore
