// How a log record becomes one line: escaping, text and JSON.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "telemetry/log.h"
#include "telemetry/utf8.h"

namespace berth::telemetry {
namespace {

enum class Style : std::uint8_t { kText, kJson };

// Characters that move the cursor, end the line or reorder what is shown.
bool is_dangerous(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x200b && c <= 0x200f) ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x2069) || c == 0xfeff;
}

void append_escaped(std::string& out, std::string_view text, Style style, bool quote_too) {
  auto to = std::back_inserter(out);
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Char c = decode_utf8(text.substr(i));
    const std::string_view bytes = text.substr(i, c.length);
    i += c.length;
    if (!c.valid) {
      style == Style::kJson ? fmt::format_to(to, "\\ufffd")
                            : fmt::format_to(to, "\\x{:02x}", static_cast<unsigned char>(bytes[0]));
    } else if (c.value == '\\') {
      out += "\\\\";
    } else if (c.value == '"' && quote_too) {
      out += "\\\"";
    } else if (!is_dangerous(c.value)) {
      out += bytes;
    } else if (c.value == '\n') {
      out += "\\n";
    } else if (c.value == '\r') {
      out += "\\r";
    } else if (c.value == '\t') {
      out += "\\t";
    } else if (style == Style::kText && c.value < 0x100) {
      fmt::format_to(to, "\\x{:02x}", static_cast<unsigned>(c.value));
    } else {
      fmt::format_to(to, "\\u{:04x}", static_cast<unsigned>(c.value));
    }
  }
}

void append_time(std::string& out, std::chrono::system_clock::time_point time) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto s = std::chrono::floor<std::chrono::seconds>(ms);
  fmt::format_to(std::back_inserter(out), "{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                 fmt::gmtime(std::chrono::system_clock::to_time_t(s)), (ms - s).count());
}

void append_number(std::string& out, double v) { fmt::format_to(std::back_inserter(out), "{}", v); }

bool needs_quotes(std::string_view text) {
  return text.empty() || text.find_first_of(" \"=") != std::string_view::npos;
}

}  // namespace

void append_printable(std::string& out, std::string_view text) {
  append_escaped(out, text, Style::kText, /*quote_too=*/false);
}

std::string render_text(const LogRecord& record) {
  std::string out;
  append_time(out, record.time);
  fmt::format_to(std::back_inserter(out), " {:<8} ", level_name(record.level));
  append_printable(out, record.message);
  for (const auto& [key, value] : record.fields) {
    out += ' ';
    out += key;
    out += '=';
    if (const auto* text = std::get_if<std::string>(&value)) {
      if (needs_quotes(*text)) {
        out += '"';
        append_escaped(out, *text, Style::kText, /*quote_too=*/true);
        out += '"';
      } else {
        append_printable(out, *text);
      }
    } else if (const auto* i = std::get_if<std::int64_t>(&value)) {
      out += std::to_string(*i);
    } else if (const auto* u = std::get_if<std::uint64_t>(&value)) {
      out += std::to_string(*u);
    } else if (const auto* d = std::get_if<double>(&value)) {
      append_number(out, *d);
    } else {
      out += std::get<bool>(value) ? "true" : "false";
    }
  }
  return out;
}

std::string render_json(const LogRecord& record) {
  const auto string = [](std::string& out, std::string_view text) {
    out += '"';
    append_escaped(out, text, Style::kJson, /*quote_too=*/true);
    out += '"';
  };
  std::string out = "{\"time\":\"";
  append_time(out, record.time);
  out += "\",\"level\":\"";
  out += level_name(record.level);
  out += "\",\"message\":";
  string(out, record.message);
  for (const auto& [key, value] : record.fields) {
    out += ',';
    string(out, key);
    out += ':';
    if (const auto* text = std::get_if<std::string>(&value)) {
      string(out, *text);
    } else if (const auto* i = std::get_if<std::int64_t>(&value)) {
      out += std::to_string(*i);
    } else if (const auto* u = std::get_if<std::uint64_t>(&value)) {
      out += std::to_string(*u);
    } else if (const auto* d = std::get_if<double>(&value)) {
      // JSON has no infinities.
      if (std::isfinite(*d))
        append_number(out, *d);
      else
        out += "null";
    } else {
      out += std::get<bool>(value) ? "true" : "false";
    }
  }
  out += '}';
  return out;
}

}  // namespace berth::telemetry
