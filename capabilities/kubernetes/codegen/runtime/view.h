// The runtime of generated clients, first part: views of JSON. `berth kube bindings` puts it in front of the
// kinds it generates.
//
// A view is a piece of an object's text and reads what it is asked for; nothing is parsed before. Views live
// as long as the object they were taken of. What is absent, null or of another type reads as empty, 0 or
// false; exists() tells. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace kube {

namespace json {

// The end of the value at the front of `text`; text.size() where it is cut off. Not recursive.
inline std::size_t end_of_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at)
    if (text[at] == '\\') ++at;
  return at < text.size() ? at + 1 : text.size();
}
inline std::size_t skip_space(std::string_view text, std::size_t at) {
  while (at < text.size() && (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t'))
    ++at;
  return at;
}
inline std::size_t end_of_value(std::string_view text, std::size_t at) {
  std::size_t depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = end_of_string(text, at);
    } else if (c == '{' || c == '[') {
      ++depth, ++at;
      continue;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return at;
      --depth, ++at;
    } else if (c == ',' || c == ':' || c == ' ' || c == '\n' || c == '\r' || c == '\t') {
      if (depth == 0) return at;
      ++at;
      continue;
    } else {
      while (at < text.size() && text.find_first_of(",:]} \n\r\t", at) != at) ++at;
    }
    if (depth == 0) return at;
  }
  return at;
}

inline void append_utf8(std::string& out, std::uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}
inline std::uint32_t hex4(std::string_view text, std::size_t at) {
  std::uint32_t out = 0;
  for (std::size_t i = at; i < at + 4; ++i) {
    const char c = i < text.size() ? text[i] : '0';
    const int digit = c >= '0' && c <= '9'                     ? c - '0'
                      : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                               : 0;
    out = out << 4 | static_cast<std::uint32_t>(digit);
  }
  return out;
}
// What stands between the quotes, without its escapes.
inline std::string unescaped(std::string_view inside) {
  std::string out;
  out.reserve(inside.size());
  for (std::size_t i = 0; i < inside.size(); ++i) {
    if (inside[i] != '\\' || i + 1 == inside.size()) {
      out += inside[i];
      continue;
    }
    switch (const char c = inside[++i]) {
      case 'b': out += '\b'; break;
      case 'f': out += '\f'; break;
      case 'n': out += '\n'; break;
      case 'r': out += '\r'; break;
      case 't': out += '\t'; break;
      case 'u': {
        std::uint32_t code = hex4(inside, i + 1);
        i += 4;
        if (code >= 0xD800 && code < 0xDC00 && i + 2 < inside.size() && inside.substr(i + 1, 2) == "\\u") {
          const std::uint32_t low = hex4(inside, i + 3);
          if (low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            i += 6;
          }
        }
        append_utf8(out, code >= 0xD800 && code < 0xE000 ? 0xFFFD : code);
        break;
      }
      default: out += c;
    }
  }
  return out;
}

// Appends `text` as a JSON string. `text` is UTF-8.
inline void append_quoted(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

// Steps through an object's or a list's entries.
class Cursor {
 public:
  Cursor() = default;
  // `open` is { or [: at the end where `text` begins with something else.
  Cursor(std::string_view text, char open) : text_(text), object_(open == '{') {
    if (!text.empty() && text[0] == open) at_ = 1, next();
  }
  [[nodiscard]] bool done() const { return at_ == 0; }
  // With its quotes.
  [[nodiscard]] std::string_view key() const { return key_; }
  [[nodiscard]] std::string_view value() const { return value_; }
  void next() {
    at_ = skip_space(text_, at_);
    if (at_ < text_.size() && text_[at_] == ',') at_ = skip_space(text_, at_ + 1);
    if (object_) {
      if (at_ >= text_.size() || text_[at_] != '"') return stop();
      const std::size_t end = end_of_string(text_, at_);
      key_ = text_.substr(at_, end - at_);
      at_ = skip_space(text_, end);
      if (at_ >= text_.size() || text_[at_] != ':') return stop();
      at_ = skip_space(text_, at_ + 1);
    }
    const std::size_t end = end_of_value(text_, at_);
    if (end == at_) return stop();
    value_ = text_.substr(at_, end - at_);
    at_ = end;
  }

 private:
  void stop() { at_ = 0; }

  std::string_view text_;
  std::string_view key_;
  std::string_view value_;
  std::size_t at_ = 0;
  bool object_ = false;
};

}  // namespace json

class View {
 public:
  View() = default;
  explicit View(std::string_view text) : text_(text.substr(json::skip_space(text, 0))) {}

  [[nodiscard]] bool exists() const { return !text_.empty() && text_ != "null"; }
  [[nodiscard]] bool is_string() const { return text_.starts_with('"'); }
  // As it stands in the object.
  [[nodiscard]] std::string_view text() const { return text_; }
  [[nodiscard]] View at(std::string_view key) const {
    for (json::Cursor c(text_, '{'); !c.done(); c.next())
      if (c.key().substr(1, c.key().size() - 2) == key) return View(c.value());
    return {};
  }

  [[nodiscard]] std::string string() const {
    return text_.size() >= 2 && is_string() ? json::unescaped(text_.substr(1, text_.size() - 2))
                                            : std::string();
  }
  [[nodiscard]] bool boolean() const { return text_ == "true"; }
  // 0 beyond 18 digits; a fraction is cut off.
  [[nodiscard]] std::int64_t integer() const {
    const bool minus = text_.starts_with('-');
    std::int64_t out = 0;
    std::size_t digits = 0;
    for (const char c : text_.substr(minus ? 1 : 0)) {
      if (c < '0' || c > '9') break;
      if (++digits > 18) return 0;
      out = out * 10 + (c - '0');
    }
    return minus ? -out : out;
  }
  // Without an exponent, as objects have them.
  [[nodiscard]] double number() const {
    const auto point = text_.find('.');
    double out = static_cast<double>(integer());
    double unit = text_.starts_with('-') ? -1 : 1;
    for (std::size_t i = point;
         point != text_.npos && ++i < text_.size() && text_[i] >= '0' && text_[i] <= '9';)
      out += (unit /= 10) * (text_[i] - '0');
    return out;
  }

 private:
  std::string_view text_;
};

template <class T>
T read(View view) {
  if constexpr (std::is_same_v<T, std::string>)
    return view.string();
  else if constexpr (std::is_same_v<T, bool>)
    return view.boolean();
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return view.integer();
  else if constexpr (std::is_same_v<T, double>)
    return view.number();
  else
    return T(view);
}

// What a list ([) or an object ({) holds: T, or T by name.
template <class T, char Open>
class Entries : public View {
 public:
  Entries() = default;
  explicit Entries(View view) : View(view) {}

  class Iterator {
   public:
    Iterator() = default;
    explicit Iterator(std::string_view text) : cursor_(text, Open) {}
    auto operator*() const {
      if constexpr (Open == '[')
        return read<T>(View(cursor_.value()));
      else
        return std::pair<std::string, T>(View(cursor_.key()).string(), read<T>(View(cursor_.value())));
    }
    Iterator& operator++() {
      cursor_.next();
      return *this;
    }
    bool operator==(const Iterator& other) const { return cursor_.done() == other.cursor_.done(); }

   private:
    json::Cursor cursor_;
  };
  [[nodiscard]] Iterator begin() const { return Iterator(text()); }
  [[nodiscard]] Iterator end() const { return {}; }
};

template <class T>
class List : public Entries<T, '['> {
 public:
  using Entries<T, '['>::Entries;
  [[nodiscard]] std::size_t size() const {
    std::size_t out = 0;
    for (json::Cursor c(this->text(), '['); !c.done(); c.next()) ++out;
    return out;
  }
};

template <class T>
class Map : public Entries<T, '{'> {
 public:
  using Entries<T, '{'>::Entries;
  [[nodiscard]] T operator[](std::string_view key) const { return read<T>(this->at(key)); }
};

// What every object has.
class Metadata : public View {
 public:
  Metadata() = default;
  explicit Metadata(View view) : View(view) {}
  [[nodiscard]] std::string name() const { return at("name").string(); }
  [[nodiscard]] std::string namespace_() const { return at("namespace").string(); }
  [[nodiscard]] std::string uid() const { return at("uid").string(); }
  [[nodiscard]] std::string resource_version() const { return at("resourceVersion").string(); }
  [[nodiscard]] std::int64_t generation() const { return at("generation").integer(); }
  // RFC 3339.
  [[nodiscard]] std::string creation_timestamp() const { return at("creationTimestamp").string(); }
  [[nodiscard]] std::string deletion_timestamp() const { return at("deletionTimestamp").string(); }
  [[nodiscard]] Map<std::string> labels() const { return Map<std::string>(at("labels")); }
  [[nodiscard]] Map<std::string> annotations() const { return Map<std::string>(at("annotations")); }
  [[nodiscard]] List<View> owner_references() const { return List<View>(at("ownerReferences")); }
};

}  // namespace kube
