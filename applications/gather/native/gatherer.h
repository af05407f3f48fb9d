// Gatherers: what a component of gatherers is to its callers, free of wasm.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/task.h"

namespace berth::gather {

using Time = std::chrono::system_clock::time_point;

// Borrows for the call.
struct Item {
  std::string_view path;
  std::span<const std::uint8_t> content;
  std::optional<std::uint64_t> captured;  // milliseconds since 1970
  bool always_stored = false;
};

// Why a record was not taken.
struct Refusal {
  enum class Kind : std::uint8_t { kFull, kInvalidPath };
  Kind kind = Kind::kFull;
  std::string text;  // with kInvalidPath
};

// Where the records of one run of one gatherer go. One thread at a time; it may block on the disk.
class Output {
 public:
  virtual ~Output() = default;
  // kFailedPrecondition: the run is over.
  [[nodiscard]] virtual Result<std::expected<void, Refusal>> put(const Item& item) = 0;
  [[nodiscard]] virtual Result<> warning(const std::optional<std::string>& path, std::string_view text) = 0;
  [[nodiscard]] virtual Result<> error(const std::optional<std::string>& path, std::string_view text) = 0;
};

struct RecordDescription {
  std::string path;
  std::string text;
};

struct Description {
  std::string name;
  std::string text;
  std::vector<RecordDescription> records;
  bool by_rule = false;
};

struct Budget {
  std::chrono::milliseconds time{};
  std::uint64_t bytes = 0;
};

// The exports of one instance. One thread at a time: that of its instance.
class Gatherers {
 public:
  virtual ~Gatherers() = default;
  [[nodiscard]] virtual Task<Result<std::vector<Description>>> list() = 0;
  // The inner error is the gatherer's own text.
  [[nodiscard]] virtual Task<Result<std::expected<void, std::string>>> gather(
      std::string name, std::string parameters, Budget budget, std::shared_ptr<Output> output) = 0;
};

}  // namespace berth::gather
