// ByteSink: where bytes go that are too many to be held.
#pragma once

#include <cstdint>
#include <span>

#include "base/error.h"

namespace berth {

// Takes bytes in order: a temporary file of the store, a buffer. What was taken before a failure is
// worth nothing; whoever gave the sink throws it away.
// One thread at a time.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  // Takes all of `bytes` before it returns. An error ends whatever writes, which reports it.
  [[nodiscard]] virtual Result<> write(std::span<const std::uint8_t> bytes) = 0;
};

}  // namespace berth
