// Value: construction and look-up.
#include "manifest/value.h"

#include <algorithm>
#include <utility>

namespace berth::manifest {

Value Value::null(Mark mark) {
  Value v;
  v.mark_ = mark;
  return v;
}

Value Value::scalar(Mark mark, std::string text, bool quoted) {
  Value v = null(mark);
  v.kind_ = Kind::kScalar;
  v.text_ = std::move(text);
  v.quoted_ = quoted;
  return v;
}

Value Value::list(Mark mark) {
  Value v = null(mark);
  v.kind_ = Kind::kList;
  return v;
}

Value Value::map(Mark mark) {
  Value v = null(mark);
  v.kind_ = Kind::kMap;
  return v;
}

const Value* Value::find(std::string_view key) const {
  const auto found = std::ranges::find(entries_, key, &Entry::key);
  return found == entries_.end() ? nullptr : &found->value;
}

void Value::push_back(Value item) { items_.push_back(std::move(item)); }

void Value::insert(std::string key, Mark key_mark, Value value) {
  entries_.push_back({std::move(key), key_mark, std::move(value)});
}

}  // namespace berth::manifest
