// Logger: structured log records, one line each, safe to feed with text from a guest.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"

namespace berth::telemetry {

enum class Level : std::uint8_t { kTrace, kDebug, kInfo, kWarn, kError, kCritical };

[[nodiscard]] std::string_view level_name(Level level);
// "trace" ... "critical"; fails with kInvalidArgument naming the levels.
[[nodiscard]] Result<Level> parse_level(std::string_view name);

// A key with a value, borrowed for the call. Threads: none.
struct Field {
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;
  std::string_view key;
  Value value;

  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, bool v) : key(k), value(v) {}
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Field(std::string_view k, T v) : key(k), value(widen(v)) {}
  template <std::floating_point T>
  Field(std::string_view k, T v) : key(k), value(static_cast<double>(v)) {}

 private:
  template <std::integral T>
  static Value widen(T v) {
    if constexpr (std::is_signed_v<T>)
      return static_cast<std::int64_t>(v);
    else
      return static_cast<std::uint64_t>(v);
  }
};

// A record as it is kept: bounded, redacted, valid UTF-8, keys unique. Control characters are still
// in it; render_text and render_json escape them. Value type; threads: none.
struct LogRecord {
  using Value = std::variant<std::string, std::int64_t, std::uint64_t, double, bool>;
  std::uint64_t sequence = 0;  // counts from 1 in one logger
  std::chrono::system_clock::time_point time;
  Level level = Level::kInfo;
  std::string message;
  std::vector<std::pair<std::string, Value>> fields;
};

// One line without its newline: `2026-01-31T10:00:00.000Z info  message key=value`.
[[nodiscard]] std::string render_text(const LogRecord& record);
// One JSON object: time, level, message, then the fields.
[[nodiscard]] std::string render_json(const LogRecord& record);

// Appends `text` with what a terminal would act on (control characters, escape sequences,
// direction marks) as \n, \x1b, \u202e; a backslash is doubled. One line whatever the text.
void append_printable(std::string& out, std::string_view text);

enum class LogFormat : std::uint8_t {
  kAuto,  // text when the file descriptor is a terminal, JSON otherwise
  kText,
  kJson,
};

struct LogOptions {
  Level level = Level::kInfo;
  LogFormat format = LogFormat::kAuto;
  int fd = 2;  // borrowed: must stay open as long as the logger
};

// Writes records to one file descriptor and keeps the most recent ones. Part of a record that is too
// long is cut and marked "...".
//
// Thread-safe. A call blocks for one write to the file descriptor.
class Logger final {
 public:
  explicit Logger(const LogOptions& options);
  ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  [[nodiscard]] bool enabled(Level level) const noexcept;
  void set_level(Level level) noexcept;

  // Does nothing below the level. A key that is empty, reserved (time, level, message) or already
  // used in this record gets "_" appended: the first use of a key wins, so put the host's own first.
  void log(Level level, std::string_view message, std::span<const Field> fields);
  void log(Level level, std::string_view message, std::initializer_list<Field> fields = {}) {
    log(level, message, std::span<const Field>(fields.begin(), fields.size()));
  }
  void debug(std::string_view message, std::initializer_list<Field> fields = {}) {
    log(Level::kDebug, message, fields);
  }
  void info(std::string_view message, std::initializer_list<Field> fields = {}) {
    log(Level::kInfo, message, fields);
  }
  void warn(std::string_view message, std::initializer_list<Field> fields = {}) {
    log(Level::kWarn, message, fields);
  }
  void error(std::string_view message, std::initializer_list<Field> fields = {}) {
    log(Level::kError, message, fields);
  }

  // From now on `secret` is written as [redacted] in messages and field values.
  // kInvalidArgument: shorter or longer than limits.h allows. kResourceExhausted: too many.
  [[nodiscard]] Result<> redact(std::string secret);

  // Up to `max` kept records after `sequence` (0: from the oldest), oldest first.
  [[nodiscard]] std::vector<LogRecord> recent(std::uint64_t after_sequence, std::size_t max) const;
  // The last `count` kept records, oldest first.
  [[nodiscard]] std::vector<LogRecord> last(std::size_t count) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace berth::telemetry
