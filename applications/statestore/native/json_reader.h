// JsonReader: walks over JSON text and gives values as slices of it, unparsed.
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

#include "applications/statestore/native/limits.h"

namespace berth::statestore {

// Strict RFC 8259. Each method expects its piece at the current position, after white space, and moves
// behind it; on failure it returns false and error() says what was wrong and where. After a failure
// nothing else may be called.
// One thread at a time.
class JsonReader {
 public:
  // `text` must outlive the reader and the slices it gives.
  explicit JsonReader(std::string_view text) : text_(text) {}
  template <std::same_as<std::string> Temporary>
  explicit JsonReader(Temporary&&) = delete;

  // The first character of the next value or punctuation; '\0' at the end.
  char peek();
  // '[', '{', ':' and so on.
  [[nodiscard]] bool expect(char c);
  // Moves behind `c` when it comes next.
  bool accept(char c);
  // A string, decoded, in place of what `out` held. A lone surrogate becomes U+FFFD.
  [[nodiscard]] bool string(std::string& out);
  // Any value, as it is written.
  [[nodiscard]] bool value(std::string_view& out);
  [[nodiscard]] bool skip() {
    std::string_view ignored;
    return value(ignored);
  }
  // Nothing but white space follows.
  [[nodiscard]] bool end();
  // For a value of the wrong type: always false.
  bool fail(std::string_view what);

  // "expected a string at byte 17".
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  [[nodiscard]] bool scan_string();
  [[nodiscard]] bool scan_number();
  [[nodiscard]] bool scan_word(std::string_view word);

  std::string_view text_;
  std::size_t at_ = 0;
  std::string error_;
};

// Calls `member(name)` for each member of the object that comes next; it must read the value.
template <class F>
[[nodiscard]] bool read_object(JsonReader& reader, F member) {
  if (!reader.expect('{')) return false;
  if (reader.accept('}')) return true;
  std::string name;
  do {
    if (!reader.string(name) || !reader.expect(':') || !member(std::string_view(name))) return false;
  } while (reader.accept(','));
  return reader.expect('}');
}

// Calls `element()` for each element of the array that comes next; it must read the value.
template <class F>
[[nodiscard]] bool read_array(JsonReader& reader, F element) {
  if (!reader.expect('[')) return false;
  if (reader.accept(']')) return true;
  do {
    if (!element()) return false;
  } while (reader.accept(','));
  return reader.expect(']');
}

[[nodiscard]] bool is_utf8(std::string_view text);
// True when `text` is exactly one JSON value.
[[nodiscard]] bool is_json(std::string_view text);
// Appends `text`, which is UTF-8, as a JSON string with its quotes.
void append_json_string(std::string& out, std::string_view text);

}  // namespace berth::statestore
