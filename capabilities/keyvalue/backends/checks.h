// Checks: the limits of keys, values and batches, which hold for every backend.
#pragma once

#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "capabilities/keyvalue/provider.h"

namespace berth::keyvalue {

// kInvalidArgument, kResourceExhausted. The sum of what a call carries, for the others.
[[nodiscard]] Result<std::size_t> check_key(std::string_view key);
[[nodiscard]] Result<std::size_t> check_keys(const std::vector<std::string>& keys);
[[nodiscard]] Result<std::size_t> check_entry(std::string_view key, const Bytes& value);
[[nodiscard]] Result<std::size_t> check_entries(const std::vector<std::tuple<std::string, Bytes>>& entries);

// For answers over kMaxBatchBytes.
[[nodiscard]] Error too_large_an_answer();
// For increment.
[[nodiscard]] Error not_a_number();
[[nodiscard]] Error sum_too_large();
[[nodiscard]] Error bad_cursor();

}  // namespace berth::keyvalue
