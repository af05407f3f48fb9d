// Checks: each limit with its message.
#include "capabilities/keyvalue/backends/checks.h"

#include <fmt/format.h>

#include "capabilities/keyvalue/limits.h"

namespace berth::keyvalue {
namespace {

Result<void> check_items(std::size_t items) {
  if (items > kMaxBatchItems)
    return fail(Code::kResourceExhausted,
                fmt::format("the batch has {} items; {} is the most", items, kMaxBatchItems));
  return {};
}

}  // namespace

Result<std::size_t> check_key(std::string_view key) {
  if (key.empty()) return fail(Code::kInvalidArgument, "the key is empty");
  if (key.size() > kMaxKeyBytes)
    return fail(Code::kResourceExhausted,
                fmt::format("the key has {} bytes; {} is the most", key.size(), kMaxKeyBytes));
  return key.size();
}

Result<std::size_t> check_keys(const std::vector<std::string>& keys) {
  BERTH_TRY(check_items(keys.size()));
  std::size_t sum = 0;
  for (const std::string& key : keys) sum += BERTH_TRY(check_key(key));
  return sum;
}

Result<std::size_t> check_entry(std::string_view key, const Bytes& value) {
  if (value.size() > kMaxValueBytes)
    return fail(Code::kResourceExhausted,
                fmt::format("the value has {} bytes; {} is the most", value.size(), kMaxValueBytes));
  return BERTH_TRY(check_key(key)) + value.size();
}

Result<std::size_t> check_entries(const std::vector<std::tuple<std::string, Bytes>>& entries) {
  BERTH_TRY(check_items(entries.size()));
  std::size_t sum = 0;
  for (const auto& [key, value] : entries) sum += BERTH_TRY(check_entry(key, value));
  if (sum > kMaxBatchBytes)
    return fail(Code::kResourceExhausted,
                fmt::format("the batch has {} bytes; {} is the most", sum, kMaxBatchBytes));
  return sum;
}

Error too_large_an_answer() {
  return {Code::kResourceExhausted,
          fmt::format("the values have more than {} bytes together; ask for fewer keys", kMaxBatchBytes)};
}

Error not_a_number() {
  return {Code::kInvalidArgument, "the value is no whole number of 64 bits in decimal digits"};
}
Error sum_too_large() { return {Code::kInvalidArgument, "the sum does not fit into 64 bits"}; }
Error bad_cursor() { return {Code::kInvalidArgument, "the cursor is not one of this bucket"}; }

}  // namespace berth::keyvalue
