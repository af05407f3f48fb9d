// Value: a parsed piece of a manifest that knows where it was written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace berth::manifest {

// Where something was written; both count from 1, columns in characters.
struct Mark {
  int line = 1;
  int column = 1;
};

// A tree of maps, lists and scalars. Scalars keep their text; what they mean is for the reader of the
// key to say, so `version: 1.10` stays "1.10". Plain value; threads: none.
class Value {
 public:
  enum class Kind : std::uint8_t { kNull, kScalar, kList, kMap };
  struct Entry;  // a key with its value

  Value() = default;
  [[nodiscard]] static Value null(Mark mark);
  [[nodiscard]] static Value scalar(Mark mark, std::string text, bool quoted);
  [[nodiscard]] static Value list(Mark mark);
  [[nodiscard]] static Value map(Mark mark);

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool is_null() const { return kind_ == Kind::kNull; }
  [[nodiscard]] bool is_scalar() const { return kind_ == Kind::kScalar; }
  [[nodiscard]] bool is_list() const { return kind_ == Kind::kList; }
  [[nodiscard]] bool is_map() const { return kind_ == Kind::kMap; }
  [[nodiscard]] Mark mark() const { return mark_; }

  // Of a scalar; empty otherwise.
  [[nodiscard]] const std::string& text() const { return text_; }
  // A quoted scalar is a string whatever it looks like.
  [[nodiscard]] bool quoted() const { return quoted_; }
  // Of a list; empty otherwise.
  [[nodiscard]] const std::vector<Value>& items() const { return items_; }
  // Of a map, in the order of the text, keys unique; empty otherwise.
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  // The value of `key`, or null. Lives as long as this Value.
  [[nodiscard]] const Value* find(std::string_view key) const;

  void push_back(Value item);
  void insert(std::string key, Mark key_mark, Value value);

 private:
  Kind kind_ = Kind::kNull;
  bool quoted_ = false;
  Mark mark_;
  std::string text_;
  std::vector<Value> items_;
  std::vector<Entry> entries_;
};

struct Value::Entry {
  std::string key;
  Mark key_mark;
  Value value;
};

}  // namespace berth::manifest
