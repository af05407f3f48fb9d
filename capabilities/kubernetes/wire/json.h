// JsonScan: JSON read in place, value by value, without a tree of it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"

namespace berth::kubernetes {

// Walks over one JSON text and checks it as it goes. After the first failure every call fails.
// What it returns lies in the text. One thread at a time.
class JsonScan {
 public:
  explicit JsonScan(std::string_view text) : text_(text) {}

  // The first character of the next value; 0 at the end or after a failure.
  [[nodiscard]] char peek();
  // Passes over one value with everything in it; `raw` is what it was, without space around it.
  [[nodiscard]] bool skip(std::string_view& raw);

  // An object: `if (!enter('{')) …; for (std::string_view key; member(key);) { exactly one value }`.
  // `key` is still escaped. An array: the same with '[' and element().
  [[nodiscard]] bool enter(char open);
  [[nodiscard]] bool member(std::string_view& key);
  [[nodiscard]] bool element();
  // After the value: nothing but space.
  [[nodiscard]] bool end();

  [[nodiscard]] bool ok() const { return error_ == nullptr; }
  // kInvalidArgument: "byte 17: a value is missing". Only after a failure.
  [[nodiscard]] Error error() const;

 private:
  bool fail(const char* what);
  void space();
  bool string(std::string_view& raw);
  bool number();
  bool literal(std::string_view word);
  bool scalar();
  // Whether a further member or element follows; `first`: none has been read.
  bool more(char close);

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  bool first_ = false;  // enter() was the last that happened
  const char* error_ = nullptr;
};

// A string's characters, from `raw` between its quotes. False: it is no Unicode text.
[[nodiscard]] bool unescape(std::string_view raw, std::string& out);
// The same for a whole value with its quotes; false also where it is no string.
[[nodiscard]] bool string_value(std::string_view value, std::string& out);
// True when the key `raw` says `name`.
[[nodiscard]] bool key_is(std::string_view raw, std::string_view name);
// `text` as a JSON string, with quotes.
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace berth::kubernetes
