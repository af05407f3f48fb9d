// Section: reads the lists of a grant, with a message for each mistake. Maps are manifest::MapReader's.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/problems.h"
#include "manifest/value.h"

namespace berth::grants {

// How many problems there are: grows when a check in between found one.
[[nodiscard]] inline std::size_t count(const manifest::Problems& problems) {
  return problems.errors().size() + problems.more();
}

// The items of a list; nothing written counts as the empty list. At most `max`; otherwise, or when
// `value` is no list, there is a problem and nothing. `example` is a whole valid line.
[[nodiscard]] std::vector<manifest::Value> read_list(const manifest::Value& value, const std::string& path,
                                                     std::size_t max, std::string_view example,
                                                     manifest::Problems& problems);

// A scalar with the place it came from.
struct Text {
  std::string text;
  manifest::Mark mark;
};
// The texts of map[key], a list or a single text; an absent key is an empty list. Items that are no
// text, empty, too long for a rule or with control characters are problems.
[[nodiscard]] std::vector<Text> read_texts(const manifest::Value& map, std::string_view key,
                                           const std::string& path, manifest::Problems& problems);
// Those that net::AddressPolicy takes; the others are problems.
[[nodiscard]] std::vector<std::string> read_address_rules(const manifest::Value& map, std::string_view key,
                                                          const std::string& path,
                                                          manifest::Problems& problems);

}  // namespace berth::grants
