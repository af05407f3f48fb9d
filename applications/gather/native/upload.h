// Upload: one archive to a receiver.
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>

#include "applications/gather/native/archives.h"
#include "applications/gather/native/settings.h"
#include "base/error.h"
#include "net/io_context.h"

namespace berth::gather {

// How the receiver answered; `error` is empty after success. Plain value.
struct Uploaded {
  int status = 0;       // 0: there was no answer
  std::string request;  // the receiver's own name for it, if it gave one
  std::string error;
  bool lasting = false;  // sending the same again would not help
  std::chrono::milliseconds retry_after{0};
  [[nodiscard]] bool ok() const { return error.empty(); }
};

// Blocks; not on a thread of `io`. Fails only for reasons of our own: the file, or `stop` (kCancelled).
[[nodiscard]] Result<Uploaded> upload(const UploadSettings& settings, const ArchiveFile& archive,
                                      net::IoContext& io, const std::string& user_agent,
                                      const std::stop_token& stop);

}  // namespace berth::gather
