// Store: the settings of one workload.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace berth::config {

// Immutable, Thread-safe.
class Store {
 public:
  using Values = std::map<std::string, std::string, std::less<>>;

  explicit Store(Values values) : values_(std::move(values)) {}

  // Lives as long as the store; nothing when there is no such key.
  [[nodiscard]] std::optional<std::string_view> get(std::string_view key) const {
    const auto found = values_.find(key);
    if (found == values_.end()) return std::nullopt;
    return found->second;
  }
  // Sorted by key.
  [[nodiscard]] const Values& all() const { return values_; }

 private:
  Values values_;
};

}  // namespace berth::config
