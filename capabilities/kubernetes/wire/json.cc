// JsonScan: RFC 8259.
#include "capabilities/kubernetes/wire/json.h"

#include <fmt/format.h>

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>

#include "abi/utf8.h"
#include "capabilities/kubernetes/limits.h"

namespace berth::kubernetes {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Bytes of a string that need no look: not a quote, a backslash or a control character.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> out{};
  for (std::size_t c = 0x20; c < 256; ++c) out[c] = c != '"' && c != '\\';
  return out;
}();

std::optional<std::uint32_t> hex4(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  std::uint32_t out = 0;
  for (const char c : text.substr(0, 4)) {
    out <<= 4U;
    if (is_digit(c))
      out += static_cast<std::uint32_t>(c - '0');
    else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
      out += static_cast<std::uint32_t>((c | 0x20) - 'a' + 10);
    else
      return std::nullopt;
  }
  return out;
}

void append_utf8(std::string& out, std::uint32_t c) {
  const auto add = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) return add(c);
  if (c < 0x800) {
    add(0xc0 | c >> 6U);
  } else {
    if (c < 0x10000) {
      add(0xe0 | c >> 12U);
    } else {
      add(0xf0 | c >> 18U);
      add(0x80 | (c >> 12U & 0x3f));
    }
    add(0x80 | (c >> 6U & 0x3f));
  }
  add(0x80 | (c & 0x3f));
}

}  // namespace

bool JsonScan::fail(const char* what) {
  if (error_ == nullptr) error_ = what;
  return false;
}

Error JsonScan::error() const { return {Code::kInvalidArgument, fmt::format("byte {}: {}", at_, error_)}; }

void JsonScan::space() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
    ++at_;
}

char JsonScan::peek() {
  if (!ok()) return 0;
  space();
  return at_ < text_.size() ? text_[at_] : '\0';
}

bool JsonScan::string(std::string_view& raw) {
  const std::size_t begin = ++at_;
  for (;;) {
    while (at_ < text_.size() && kPlain[static_cast<unsigned char>(text_[at_])]) ++at_;
    if (at_ >= text_.size()) return fail("a string does not end");
    const char c = text_[at_];
    if (c == '"') break;
    if (c != '\\') return fail("a control character stands in a string");
    const char escaped = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    if (escaped == 'u') {
      if (!hex4(text_.substr(at_ + 2))) return fail("\\u has no four hexadecimal digits");
      at_ += 6;
    } else if (escaped != '\0' && std::string_view("\"\\/bfnrt").contains(escaped)) {
      at_ += 2;
    } else {
      return fail("a backslash has no meaning here");
    }
  }
  raw = text_.substr(begin, at_ - begin);
  ++at_;
  return true;
}

bool JsonScan::number() {
  const auto digits = [&] {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    return at_ > begin;
  };
  if (text_[at_] == '-') ++at_;
  if (at_ < text_.size() && text_[at_] == '0')
    ++at_;
  else if (!digits())
    return fail("a value is no JSON");
  if (at_ < text_.size() && text_[at_] == '.') {
    ++at_;
    if (!digits()) return fail("a number has no digits behind its point");
  }
  if (at_ < text_.size() && (text_[at_] | 0x20) == 'e') {
    ++at_;
    if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
    if (!digits()) return fail("a number has no exponent");
  }
  return true;
}

bool JsonScan::literal(std::string_view word) {
  if (!text_.substr(at_).starts_with(word)) return fail("a value is no JSON");
  at_ += word.size();
  return true;
}

bool JsonScan::scalar() {
  switch (text_[at_]) {
    case '"': {
      std::string_view raw;
      return string(raw);
    }
    case 't': return literal("true");
    case 'f': return literal("false");
    case 'n': return literal("null");
    default: return number();
  }
}

bool JsonScan::skip(std::string_view& raw) {
  char c = peek();
  if (c == 0) return fail("a value is missing");
  const std::size_t begin = at_;
  const std::size_t outside = depth_;
  std::bitset<kMaxJsonDepth + 1> objects;
  // One round is one value; then everything that closes behind it.
  for (;;) {
    if (c == '{' || c == '[') {
      if (!enter(c)) return false;
      objects[depth_] = c == '{';
    } else if (!scalar()) {
      return false;
    }
    bool next = false;
    while (depth_ > outside && !next) {
      std::string_view key;
      next = objects[depth_] ? member(key) : element();
      if (!ok()) return false;
    }
    if (!next) break;
    c = peek();
    if (c == 0) return fail("a value is missing");
  }
  raw = text_.substr(begin, at_ - begin);
  return true;
}

bool JsonScan::enter(char open) {
  if (peek() != open) return fail(open == '{' ? "no object stands here" : "no list stands here");
  if (depth_ >= kMaxJsonDepth) return fail("it is nested too deeply");
  ++depth_;
  ++at_;
  first_ = true;
  return true;
}

bool JsonScan::more(char close) {
  const char c = peek();
  const bool first = first_;
  first_ = false;
  if (c == close) {
    ++at_;
    --depth_;
    return false;
  }
  if (first) return c != 0 || fail("it ends too early");
  if (c != ',') return fail(c == 0 ? "it ends too early" : "a comma is missing");
  ++at_;
  return true;
}

bool JsonScan::member(std::string_view& key) {
  if (!ok() || !more('}')) return false;
  if (peek() != '"') return fail("a key is missing");
  if (!string(key)) return false;
  if (peek() != ':') return fail("a colon is missing");
  ++at_;
  return true;
}

bool JsonScan::element() { return ok() && more(']'); }

bool JsonScan::end() {
  if (!ok()) return false;
  if (peek() != 0 || at_ < text_.size()) return fail("something follows the value");
  return true;
}

bool unescape(std::string_view raw, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\\') {
      out += raw[i];
      continue;
    }
    switch (raw[++i]) {
      case 'b': out += '\b'; break;
      case 'f': out += '\f'; break;
      case 'n': out += '\n'; break;
      case 'r': out += '\r'; break;
      case 't': out += '\t'; break;
      case 'u': {
        std::uint32_t c = hex4(raw.substr(i + 1)).value_or(0);
        i += 4;
        if (c >= 0xd800 && c < 0xdc00) {
          const std::string_view rest = raw.substr(i + 1);
          const auto low = rest.starts_with("\\u") ? hex4(rest.substr(2)) : std::nullopt;
          if (!low || *low < 0xdc00 || *low > 0xdfff) return false;
          c = 0x10000 + ((c - 0xd800) << 10U) + (*low - 0xdc00);
          i += 6;
        } else if (c >= 0xdc00 && c < 0xe000) {
          return false;
        }
        append_utf8(out, c);
        break;
      }
      default: out += raw[i];
    }
  }
  return abi::is_utf8(out);
}

bool string_value(std::string_view value, std::string& out) {
  return value.size() >= 2 && value.front() == '"' && unescape(value.substr(1, value.size() - 2), out);
}

bool key_is(std::string_view raw, std::string_view name) {
  if (!raw.contains('\\')) return raw == name;
  std::string text;
  return unescape(raw, text) && text == name;
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += '\\', out += c;
    else if (static_cast<unsigned char>(c) < 0x20)
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  return out + '"';
}

}  // namespace berth::kubernetes
