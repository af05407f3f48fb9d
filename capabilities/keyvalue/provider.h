// Bucket: values by key, as a backend keeps them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "base/task.h"

namespace berth::keyvalue {

using Bytes = std::vector<std::uint8_t>;
using Value = std::optional<Bytes>;  // none: there is no such key

struct Page {
  std::vector<std::string> keys;
  std::optional<std::string> cursor;  // for the next page; none: that was all
};

struct Swapped {
  bool done = false;
  Value now;  // what is there, when it was not done
};

// Tasks wait without a thread and end on a thread of the bucket's own: do not block it. Errors:
//   kInvalidArgument    an empty key, a cursor that is none; increment: no number, or too large a sum
//   kResourceExhausted  over a limit of limits.h; the file or the disk is full
//   kBusy               too many calls wait
//   kUnavailable        the backend does not work now
//   kAborted            the connection was lost: a write may have happened, or not
// But for kAborted nothing was changed. Thread-safe; outlives its tasks.
class Bucket {
 public:
  virtual ~Bucket() = default;

  // In the order of the keys.
  virtual Task<Result<std::vector<Value>>> get(std::vector<std::string> keys) = 0;
  virtual Task<Result<bool>> exists(std::string key) = 0;
  // All or nothing, also when the host dies; when it is done it lasts as the backend's README says.
  virtual Task<Result<void>> set(std::vector<std::tuple<std::string, Bytes>> entries) = 0;
  virtual Task<Result<void>> remove(std::vector<std::string> keys) = 0;
  // Values are decimal digits; a missing key counts as 0.
  virtual Task<Result<std::int64_t>> increment(std::string key, std::int64_t delta) = 0;
  // Writes if what is there is `expected`, byte for byte.
  virtual Task<Result<Swapped>> swap(std::string key, Value expected, Bytes value) = 0;
  // At most about kPageKeys keys that are UTF-8, in any order, perhaps none although more follow.
  virtual Task<Result<Page>> list(std::optional<std::string> cursor) = 0;
};

}  // namespace berth::keyvalue
