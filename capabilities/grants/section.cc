// Section: lists of a grant.
#include "capabilities/grants/section.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "capabilities/grants/limits.h"
#include "manifest/reader.h"
#include "net/address.h"

namespace berth::grants {

using manifest::Problems;
using manifest::Value;

std::vector<Value> read_list(const Value& value, const std::string& path, std::size_t max,
                             std::string_view example, Problems& problems) {
  if (value.is_null()) return {};
  if (!value.is_list()) {
    problems.add(value.mark(), fmt::format("{} must be a list; write `{}`", path, example));
    return {};
  }
  if (value.items().size() > max) {
    problems.add(value.items()[max].mark(), fmt::format("{} has {} items; {} is the most: use wider rules",
                                                        path, value.items().size(), max));
    return {};
  }
  return value.items();
}

std::vector<Text> read_texts(const Value& map, std::string_view key, const std::string& path,
                             Problems& problems) {
  const Value* value = map.find(key);
  if (value == nullptr) return {};
  std::vector<Value> items;
  if (value->is_scalar())
    items.push_back(*value);
  else
    items = read_list(*value, path, kMaxListItems, fmt::format("{}: [...]", key), problems);
  std::vector<Text> texts;
  for (const Value& item : items) {
    const auto text = manifest::read_text(item, path, problems);
    if (!text) continue;
    const bool control = std::ranges::any_of(*text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    if (text->empty() || text->size() > kMaxHostRuleBytes || control)
      problems.add(item.mark(), fmt::format("{}: {} {}", path, manifest::shown(*text),
                                            text->empty() ? "is empty; leave it out"
                                            : control     ? "contains a control character"
                                                          : fmt::format("has {} bytes; {} is the most",
                                                                        text->size(), kMaxHostRuleBytes)));
    else
      texts.push_back({*text, item.mark()});
  }
  return texts;
}

std::vector<std::string> read_address_rules(const Value& map, std::string_view key, const std::string& path,
                                            Problems& problems) {
  std::vector<std::string> rules;
  for (Text& item : read_texts(map, key, path, problems)) {
    if (auto one = net::AddressPolicy::parse(std::span(&item.text, 1)); !one)
      problems.add(item.mark, fmt::format("{}: {}", path, one.error().message()));
    else
      rules.push_back(std::move(item.text));
  }
  return rules;
}

}  // namespace berth::grants
