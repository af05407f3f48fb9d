// WIT names as C++ names.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace berth::bindgen {

// "get-many" -> get_many; with a trailing underscore where C++ or its headers claim the word.
[[nodiscard]] std::string snake(std::string_view wit);
// "get-many" -> GetMany.
[[nodiscard]] std::string pascal(std::string_view wit);

// Names in one C++ scope: a name that is taken gets underscores appended.
class Scope {
 public:
  explicit Scope(std::set<std::string> reserved = {}) : taken_(std::move(reserved)) {}
  std::string claim(std::string name) {
    while (!taken_.insert(name).second) name += '_';
    return name;
  }

 private:
  std::set<std::string> taken_;
};

}  // namespace berth::bindgen
