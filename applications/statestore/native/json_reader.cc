// JsonReader: scanning without recursion, so depth costs a byte of heap and no stack.
#include "applications/statestore/native/json_reader.h"

#include <cstdint>
#include <cstring>
#include <optional>

namespace berth::statestore {

namespace {

constexpr bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<std::uint32_t> hex4(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  std::uint32_t n = 0;
  for (const char c : text.substr(0, 4)) {
    n <<= 4;
    if (is_digit(c)) {
      n |= static_cast<std::uint32_t>(c - '0');
    } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
      n |= static_cast<std::uint32_t>((c | 0x20) - 'a' + 10);
    } else {
      return std::nullopt;
    }
  }
  return n;
}

void append_utf8(std::string& out, std::uint32_t c) {
  if (c < 0x80) {
    out.push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out.push_back(static_cast<char>(0xc0 | (c >> 6)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3f)));
  } else if (c < 0x10000) {
    out.push_back(static_cast<char>(0xe0 | (c >> 12)));
    out.push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3f)));
  } else {
    out.push_back(static_cast<char>(0xf0 | (c >> 18)));
    out.push_back(static_cast<char>(0x80 | ((c >> 12) & 0x3f)));
    out.push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3f)));
  }
}

// Bytes that a string may hold as they are.
constexpr bool is_plain(char c) { return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\'; }

}  // namespace

bool JsonReader::fail(std::string_view what) {
  if (error_.empty()) error_ = std::string(what) + " at byte " + std::to_string(at_);
  return false;
}

char JsonReader::peek() {
  while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  return at_ < text_.size() ? text_[at_] : '\0';
}

bool JsonReader::accept(char c) {
  if (peek() != c || at_ == text_.size()) return false;
  ++at_;
  return true;
}

bool JsonReader::expect(char c) {
  if (accept(c)) return true;
  return fail(std::string("expected '") + c + "'");
}

bool JsonReader::end() {
  peek();
  return at_ == text_.size() || fail("unexpected text after the end");
}

bool JsonReader::scan_string() {
  ++at_;  // the quote
  for (;;) {
    while (at_ < text_.size() && is_plain(text_[at_])) ++at_;
    if (at_ == text_.size()) return fail("the string has no end");
    const char c = text_[at_];
    if (c == '"') {
      ++at_;
      return true;
    }
    if (c != '\\') return fail("a control character in a string");
    if (at_ + 1 == text_.size()) return fail("the string has no end");
    const char escape = text_[at_ + 1];
    if (escape == 'u') {
      if (!hex4(text_.substr(at_ + 2))) return fail("\\u without four hexadecimal digits");
      at_ += 6;
    } else if (std::string_view("\"\\/bfnrt").find(escape) != std::string_view::npos) {
      at_ += 2;
    } else {
      return fail("an unknown escape in a string");
    }
  }
}

bool JsonReader::scan_number() {
  const auto digits = [&] {
    const std::size_t from = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    return at_ > from;
  };
  const auto next_is = [&](char a, char b) {
    return at_ < text_.size() && (text_[at_] == a || text_[at_] == b);
  };
  if (next_is('-', '-')) ++at_;
  const bool zero = next_is('0', '0');
  const std::size_t from = at_;
  if (!digits() || (zero && at_ > from + 1)) return fail("a malformed number");
  if (next_is('.', '.')) {
    ++at_;
    if (!digits()) return fail("a malformed number");
  }
  if (next_is('e', 'E')) {
    ++at_;
    if (next_is('+', '-')) ++at_;
    if (!digits()) return fail("a malformed number");
  }
  return true;
}

bool JsonReader::scan_word(std::string_view word) {
  if (!text_.substr(at_).starts_with(word)) return fail("expected a value");
  at_ += word.size();
  return true;
}

bool JsonReader::string(std::string& out) {
  if (peek() != '"') return fail("expected a string");
  const std::size_t from = at_ + 1;
  if (!scan_string()) return false;
  std::string_view raw = text_.substr(from, at_ - 1 - from);
  out.clear();
  for (;;) {
    const std::size_t slash = raw.find('\\');
    out.append(raw.substr(0, slash));
    if (slash == std::string_view::npos) return true;
    const char escape = raw[slash + 1];
    raw.remove_prefix(slash + 2);
    switch (escape) {
      case 'b': out.push_back('\b'); break;
      case 'f': out.push_back('\f'); break;
      case 'n': out.push_back('\n'); break;
      case 'r': out.push_back('\r'); break;
      case 't': out.push_back('\t'); break;
      case 'u': {
        std::uint32_t c = *hex4(raw);
        raw.remove_prefix(4);
        if (c >= 0xd800 && c < 0xe000) {
          const auto low = raw.starts_with("\\u") ? hex4(raw.substr(2)) : std::nullopt;
          if (c < 0xdc00 && low && *low >= 0xdc00 && *low < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + (*low - 0xdc00);
            raw.remove_prefix(6);
          } else {
            c = 0xfffd;
          }
        }
        append_utf8(out, c);
        break;
      }
      default: out.push_back(escape);
    }
  }
}

bool JsonReader::value(std::string_view& out) {
  peek();
  const std::size_t from = at_;
  std::string open;  // the brackets not yet closed
  for (;;) {
    switch (peek()) {
      case '{':
        ++at_;
        if (accept('}')) break;
        if (open.size() == kMaxJsonDepth) return fail("nested deeper than " + std::to_string(kMaxJsonDepth));
        open.push_back('}');
        if (peek() != '"') return fail("expected a member name");
        if (!scan_string() || !expect(':')) return false;
        continue;
      case '[':
        ++at_;
        if (accept(']')) break;
        if (open.size() == kMaxJsonDepth) return fail("nested deeper than " + std::to_string(kMaxJsonDepth));
        open.push_back(']');
        continue;
      case '"':
        if (!scan_string()) return false;
        break;
      case 't':
        if (!scan_word("true")) return false;
        break;
      case 'f':
        if (!scan_word("false")) return false;
        break;
      case 'n':
        if (!scan_word("null")) return false;
        break;
      case '-':
      case '0':
      case '1':
      case '2':
      case '3':
      case '4':
      case '5':
      case '6':
      case '7':
      case '8':
      case '9':
        if (!scan_number()) return false;
        break;
      default: return fail("expected a value");
    }
    // A value ended; so do the brackets that follow it.
    while (!open.empty() && accept(open.back())) open.pop_back();
    if (open.empty()) {
      out = text_.substr(from, at_ - from);
      return true;
    }
    if (!expect(',')) return false;
    if (open.back() == '}') {
      if (peek() != '"') return fail("expected a member name");
      if (!scan_string() || !expect(':')) return false;
    }
  }
}

bool is_utf8(std::string_view text) {
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = p + text.size();
  while (p < end) {
    if (end - p >= 8) {
      std::uint64_t word;
      std::memcpy(&word, p, 8);
      if ((word & 0x8080808080808080) == 0) {
        p += 8;
        continue;
      }
    }
    if (*p < 0x80) {
      ++p;
      continue;
    }
    const int more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : 1;
    if (*p < 0xc2 || *p > 0xf4 || end - p <= more) return false;
    // The second byte excludes overlong forms, surrogates and what lies above U+10FFFF.
    const unsigned char low = *p == 0xe0 ? 0xa0 : *p == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = *p == 0xed ? 0x9f : *p == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high) return false;
    for (int i = 2; i <= more; ++i) {
      if ((p[i] & 0xc0) != 0x80) return false;
    }
    p += more + 1;
  }
  return true;
}

bool is_json(std::string_view text) {
  JsonReader reader(text);
  return is_utf8(text) && reader.skip() && reader.end();
}

void append_json_string(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out.push_back('"');
  for (const char c : text) {
    switch (c) {
      case '"': out.append("\\\""); break;
      case '\\': out.append("\\\\"); break;
      case '\n': out.append("\\n"); break;
      case '\r': out.append("\\r"); break;
      case '\t': out.append("\\t"); break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out.append("\\u00");
          out.push_back(kHex[(c >> 4) & 15]);
          out.push_back(kHex[c & 15]);
        } else {
          out.push_back(c);
        }
    }
  }
  out.push_back('"');
}

}  // namespace berth::statestore
