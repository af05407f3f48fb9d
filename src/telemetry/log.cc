// Logger: bounds and redacts a record, writes it as one line, keeps it in the ring.
#include "telemetry/log.h"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <mutex>
#include <shared_mutex>

#include "telemetry/limits.h"
#include "telemetry/utf8.h"

namespace berth::telemetry {
namespace {

constexpr std::string_view kRedacted = "[redacted]";
constexpr std::string_view kCut = "...";

// Writes each line with one write call, so that lines of several processes do not mix.
// Thread-safe through base_sink's mutex.
class FdSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FdSink(int fd) : fd_(fd) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& msg) override {
    line_.assign(msg.payload.data(), msg.payload.size());
    line_ += '\n';
    std::string_view rest = line_;
    while (!rest.empty()) {
      const ssize_t n = ::write(fd_, rest.data(), rest.size());
      if (n < 0 && errno == EINTR) continue;
      // Nobody can be told that the log itself cannot be written; the ring still has the record.
      if (n <= 0) return;
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  void flush_() override {}

 private:
  int fd_;
  std::string line_;
};

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kTrace: return spdlog::level::trace;
    case Level::kDebug: return spdlog::level::debug;
    case Level::kInfo: return spdlog::level::info;
    case Level::kWarn: return spdlog::level::warn;
    case Level::kError: return spdlog::level::err;
    case Level::kCritical: return spdlog::level::critical;
  }
  return spdlog::level::off;
}

std::string clean_key(std::string_view key) {
  std::string out(key.substr(0, kMaxKeyBytes));
  for (char& c : out) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '-' || c == '.';
    if (!fine) c = '_';
  }
  if (out.empty()) out = "_";
  return out;
}

bool is_taken(const LogRecord& record, std::string_view key) {
  return key == "time" || key == "level" || key == "message" ||
         std::ranges::any_of(record.fields, [&](const auto& f) { return f.first == key; });
}

std::size_t size_of(const LogRecord& record) {
  std::size_t bytes = sizeof(LogRecord) + record.message.size();
  for (const auto& [key, value] : record.fields) {
    bytes += sizeof(record.fields[0]) + key.size();
    if (const auto* text = std::get_if<std::string>(&value)) bytes += text->size();
  }
  return bytes;
}

std::string number_text(const Field::Value& value) {
  return std::visit([](const auto& v) { return fmt::format("{}", v); }, value);
}

}  // namespace

std::string_view level_name(Level level) {
  switch (level) {
    case Level::kTrace: return "trace";
    case Level::kDebug: return "debug";
    case Level::kInfo: return "info";
    case Level::kWarn: return "warn";
    case Level::kError: return "error";
    case Level::kCritical: return "critical";
  }
  return "unknown";
}

Result<Level> parse_level(std::string_view name) {
  for (const Level level :
       {Level::kTrace, Level::kDebug, Level::kInfo, Level::kWarn, Level::kError, Level::kCritical}) {
    if (name == level_name(level)) return level;
  }
  return fail(Code::kInvalidArgument,
              fmt::format("\"{}\" is no log level; write trace, debug, info, warn, error or "
                          "critical",
                          name.substr(0, kMaxKeyBytes)));
}

struct Logger::Impl {
  explicit Impl(const LogOptions& options)
      : json(options.format == LogFormat::kJson ||
             (options.format == LogFormat::kAuto && ::isatty(options.fd) == 0)),
        out("berth", std::make_shared<FdSink>(options.fd)) {
    out.set_formatter(std::make_unique<spdlog::pattern_formatter>("%v"));
    // The default handler prints to stderr; our sink does not throw.
    out.set_error_handler([](const std::string&) {});
    out.set_level(to_spdlog(options.level));
  }

  // Copies at most `limit` bytes of valid UTF-8 with the secrets replaced. Works forward and stops
  // at the limit, so no part of a secret survives a cut and a huge text costs no more than a long one.
  std::string clean(std::string_view text, std::size_t limit) const {
    std::string cleaned;
    cleaned.reserve(std::min(text.size(), limit) + kCut.size());
    for (std::size_t i = 0; i < text.size();) {
      std::string_view piece;
      const std::string* secret = secret_at(text.substr(i));
      if (secret != nullptr) {
        piece = kRedacted;
        i += secret->size();
      } else {
        const Utf8Char c = decode_utf8(text.substr(i));
        piece = c.valid ? text.substr(i, c.length) : "\xef\xbf\xbd";
        i += c.length;
      }
      if (cleaned.size() + piece.size() > limit) {
        cleaned += kCut;
        break;
      }
      cleaned += piece;
    }
    return cleaned;
  }

  const std::string* secret_at(std::string_view text) const {
    if (!first_bytes[static_cast<unsigned char>(text[0])]) return nullptr;
    // Longest first: a secret that contains another is replaced whole.
    for (const std::string& secret : secrets) {
      if (text.starts_with(secret)) return &secret;
    }
    return nullptr;
  }

  LogRecord build(Level level, std::string_view message, std::span<const Field> fields) const {
    LogRecord record;
    record.level = level;
    record.time = std::chrono::system_clock::now();
    const std::shared_lock lock(secrets_mutex);
    record.message = clean(message, kMaxMessageBytes);
    const std::size_t count = std::min(fields.size(), kMaxFields);
    record.fields.reserve(count + 1);
    for (const Field& field : fields.first(count)) {
      std::string key = clean_key(field.key);
      while (is_taken(record, key)) key += '_';
      record.fields.emplace_back(std::move(key), keep(field.value));
    }
    if (fields.size() > count) {
      record.fields.emplace_back("fields_dropped", static_cast<std::uint64_t>(fields.size() - count));
    }
    return record;
  }

  LogRecord::Value keep(const Field::Value& value) const {
    if (const auto* text = std::get_if<std::string_view>(&value)) return clean(*text, kMaxFieldBytes);
    if (!secrets.empty()) {
      const std::string text = number_text(value);
      std::string cleaned = clean(text, kMaxFieldBytes);
      if (cleaned != text) return cleaned;
    }
    if (const auto* i = std::get_if<std::int64_t>(&value)) return *i;
    if (const auto* u = std::get_if<std::uint64_t>(&value)) return *u;
    if (const auto* d = std::get_if<double>(&value)) return *d;
    return std::get<bool>(value);
  }

  const bool json;
  spdlog::logger out;

  mutable std::shared_mutex secrets_mutex;
  std::vector<std::string> secrets;
  std::array<bool, 256> first_bytes{};

  mutable std::mutex ring_mutex;
  std::deque<LogRecord> ring;
  std::size_t ring_bytes = 0;
  std::uint64_t sequence = 0;
};

Logger::Logger(const LogOptions& options) : impl_(std::make_unique<Impl>(options)) {}
Logger::~Logger() = default;

bool Logger::enabled(Level level) const noexcept { return impl_->out.should_log(to_spdlog(level)); }
void Logger::set_level(Level level) noexcept { impl_->out.set_level(to_spdlog(level)); }

void Logger::log(Level level, std::string_view message, std::span<const Field> fields) {
  if (!enabled(level)) return;
  LogRecord record = impl_->build(level, message, fields);
  const std::string line = impl_->json ? render_json(record) : render_text(record);
  impl_->out.log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));

  const std::size_t bytes = size_of(record);
  const std::lock_guard lock(impl_->ring_mutex);
  record.sequence = ++impl_->sequence;
  impl_->ring.push_back(std::move(record));
  impl_->ring_bytes += bytes;
  while (impl_->ring.size() > kMaxRingRecords || impl_->ring_bytes > kMaxRingBytes) {
    impl_->ring_bytes -= size_of(impl_->ring.front());
    impl_->ring.pop_front();
  }
}

Result<> Logger::redact(std::string secret) {
  if (secret.size() < kMinSecretBytes || secret.size() > kMaxSecretBytes) {
    return fail(Code::kInvalidArgument,
                fmt::format("a secret of {} bytes cannot be redacted; use one of {} to {} bytes",
                            secret.size(), kMinSecretBytes, kMaxSecretBytes));
  }
  const std::unique_lock lock(impl_->secrets_mutex);
  if (std::ranges::find(impl_->secrets, secret) != impl_->secrets.end()) return {};
  if (impl_->secrets.size() >= kMaxSecrets) {
    return fail(Code::kResourceExhausted, fmt::format("more than {} secrets to redact", kMaxSecrets));
  }
  impl_->first_bytes[static_cast<unsigned char>(secret[0])] = true;
  impl_->secrets.push_back(std::move(secret));
  std::ranges::sort(impl_->secrets, std::ranges::greater{}, &std::string::size);
  return {};
}

std::vector<LogRecord> Logger::recent(std::uint64_t after_sequence, std::size_t max) const {
  const std::lock_guard lock(impl_->ring_mutex);
  const auto first = std::ranges::upper_bound(impl_->ring, after_sequence, {}, &LogRecord::sequence);
  const auto count = std::min<std::size_t>(max, static_cast<std::size_t>(impl_->ring.end() - first));
  return {first, first + static_cast<std::ptrdiff_t>(count)};
}

std::vector<LogRecord> Logger::last(std::size_t count) const {
  const std::lock_guard lock(impl_->ring_mutex);
  const auto n = static_cast<std::ptrdiff_t>(std::min(count, impl_->ring.size()));
  return {impl_->ring.end() - n, impl_->ring.end()};
}

}  // namespace berth::telemetry
