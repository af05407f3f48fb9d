// Recorder: where one run of one gatherer writes; what it says about itself becomes the run's report.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "applications/gather/native/gatherer.h"
#include "applications/gather/native/obfuscator.h"
#include "applications/gather/native/spool.h"
#include "base/error.h"

namespace berth::gather {

// How one run of one gatherer went, as the archive's metadata has it. Plain value.
struct Report {
  std::string name;  // "workload/gatherer"
  std::chrono::milliseconds duration{0};
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  // written, those that were replaced included
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
  std::optional<std::string> panic;  // its code trapped
};

// Keeps to the gatherer's bytes, and holds on to the records whatever comes of it. Thread-safe.
class Recorder final : public Output {
 public:
  // `spool` outlives this, or end() is called before it goes; so does `obfuscator`, which may be null.
  Recorder(Spool& spool, Obfuscator* obfuscator, std::string name, std::uint64_t max_bytes);

  Result<std::expected<void, Refusal>> put(const Item& item) override;
  Result<> warning(const std::optional<std::string>& path, std::string_view text) override;
  Result<> error(const std::optional<std::string>& path, std::string_view text) override;

  // Nothing is taken any more. `ended` is the call's result, with the gatherer's own error within.
  [[nodiscard]] Report end(std::chrono::milliseconds duration,
                           const Result<std::expected<void, std::string>>& ended);

 private:
  struct Notes {
    std::vector<std::string> texts;
    std::size_t bytes = 0;
    std::size_t more = 0;
    void add(std::string text);
    std::vector<std::string> take(std::string_view what);
  };
  [[nodiscard]] Result<> check_running() const;
  [[nodiscard]] std::expected<void, Refusal> refuse(std::string_view path, std::string text,
                                                    Refusal::Kind kind);

  Spool& spool_;
  Obfuscator* const obfuscator_;
  std::mutex mutex_;
  const std::uint64_t max_bytes_;
  bool ended_ = false;
  Report report_;
  Notes errors_;
  Notes warnings_;
};

}  // namespace berth::gather
