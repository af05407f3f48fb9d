// Credentials: the Authorization header, from a token that may be replaced on disk at any time.
#pragma once

#include <chrono>
#include <filesystem>
#include <mutex>

#include "base/error.h"
#include "base/secret.h"

namespace berth::kubernetes {

// Thread-safe. Reading the file blocks for a moment.
class Credentials final {
 public:
  // At most one of both; neither: there is no header.
  Credentials(Secret token, std::filesystem::path file);

  // The header's value, or empty. A file is read again when it was read kTokenAge ago. kUnavailable and
  // others where it cannot be read; the token is in no message.
  [[nodiscard]] Result<Secret> header();
  // After the API refused `used`: reads the file now. True when it holds another token than that.
  [[nodiscard]] bool renewed_since(const Secret& used);

 private:
  using Clock = std::chrono::steady_clock;
  Result<void> read();

  const std::filesystem::path file_;
  std::mutex mutex_;
  Secret header_;  // guarded by mutex_
  Clock::time_point read_at_;
};

}  // namespace berth::kubernetes
