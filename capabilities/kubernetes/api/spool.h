// Spool: items of a list on disk, in a file that has no name.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file_system.h"
#include "capabilities/kubernetes/provider.h"

namespace berth::kubernetes {

// What was committed may be read by any number of threads while one appends.
class Spool final {
 public:
  // In $TMPDIR, else /tmp. kUnavailable.
  [[nodiscard]] static Result<std::unique_ptr<Spool>> create();

  // One thread at a time. kResourceExhausted, kUnavailable: the disk is full, or the list over kMaxListBytes.
  [[nodiscard]] Result<void> append(std::string_view ns, std::string_view name, std::string_view object);
  // What was appended may be read from now on; its end.
  [[nodiscard]] Result<std::uint64_t> commit();
  // Forgets what was appended since the last commit.
  void rewind();
  // Forgets everything; nobody has read any of it.
  void clear();

  // The items that begin at `at`, which is moved behind them: at least one, about kBatchBytes, none from
  // `end` on.
  [[nodiscard]] Result<std::vector<Item>> read(std::uint64_t& at, std::uint64_t end) const;

 private:
  explicit Spool(File file) : file_(std::move(file)) {}
  [[nodiscard]] Result<void> flush();
  [[nodiscard]] Result<void> read_at(std::uint64_t at, char* into, std::size_t size) const;

  const File file_;
  std::string waiting_;        // not written yet
  std::uint64_t written_ = 0;  // bytes in the file
  std::uint64_t committed_ = 0;
};

}  // namespace berth::kubernetes
