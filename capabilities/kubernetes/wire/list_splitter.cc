// ListSplitter: brackets and quotes are followed byte by byte; JsonScan reads what they enclose.
#include "capabilities/kubernetes/wire/list_splitter.h"

#include <fmt/format.h>

#include "capabilities/kubernetes/limits.h"
#include "capabilities/kubernetes/wire/json.h"

namespace berth::kubernetes {
namespace {

std::unexpected<Error> no_list(std::string_view why) {
  return fail(Code::kInvalidArgument, fmt::format("the API's answer is no list: {}", why));
}

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

std::string_view without_space_behind(std::string_view text) {
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

void ListSplitter::count(char c) {
  if (in_string_) {
    if (escaped_)
      escaped_ = false;
    else if (c == '\\')
      escaped_ = true;
    else if (c == '"')
      in_string_ = false;
    return;
  }
  if (c == '"')
    in_string_ = true;
  else if (c == '{' || c == '[')
    ++depth_;
  else if ((c == '}' || c == ']') && depth_ > 0)
    --depth_;
}

Result<> ListSplitter::write(std::span<const std::uint8_t> bytes) {
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  while (!rest.empty()) {
    switch (place_) {
      case Place::kHead: BERTH_TRY(in_head(rest)); break;
      case Place::kBetween: BERTH_TRY(between(rest)); break;
      case Place::kItem: BERTH_TRY(in_item(rest)); break;
    }
  }
  return {};
}

Result<> ListSplitter::keep_head(std::string_view some) {
  if (list_.size() + some.size() > kMaxListHeadBytes)
    return no_list(fmt::format("it has more than {} KiB besides its items", kMaxListHeadBytes >> 10U));
  list_ += some;
  return {};
}

bool ListSplitter::at_items() const {
  std::string_view before = without_space_behind(list_);
  if (!before.ends_with(':')) return false;
  before.remove_suffix(1);
  return without_space_behind(before).ends_with("\"items\"");
}

Result<> ListSplitter::in_head(std::string_view& rest) {
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const char c = rest[i];
    if (c == '[' && !in_string_ && depth_ == 1) {
      BERTH_TRY(keep_head(rest.substr(0, i)));
      rest.remove_prefix(i);
      i = 0;
      if (at_items()) {
        if (items_seen_) return no_list("it has items twice");
        BERTH_TRY(read_head(false));
        list_ += '[';
        rest.remove_prefix(1);
        items_seen_ = true;
        needs_comma_ = false;
        place_ = Place::kBetween;
        return {};
      }
    }
    count(c);
  }
  BERTH_TRY(keep_head(rest));
  rest = {};
  return {};
}

Result<> ListSplitter::between(std::string_view& rest) {
  while (!rest.empty() && is_space(rest.front())) rest.remove_prefix(1);
  if (rest.empty()) return {};
  const char c = rest.front();
  if (c == ']' && !after_comma_) {
    list_ += ']';
    rest.remove_prefix(1);
    depth_ = 1;
    place_ = Place::kHead;
    return {};
  }
  if (c == ',' && needs_comma_) {
    needs_comma_ = false;
    after_comma_ = true;
    rest.remove_prefix(1);
    return {};
  }
  if (c != '{' || needs_comma_) return no_list("an item is no object");
  depth_ = 0;
  after_comma_ = false;
  place_ = Place::kItem;
  return {};
}

Result<> ListSplitter::in_item(std::string_view& rest) {
  // Most of a list is texts.
  std::size_t i = 0;
  do {
    if (in_string_ && !escaped_) {
      while (i < rest.size() && rest[i] != '"' && rest[i] != '\\') ++i;
      if (i == rest.size()) break;
    }
    count(rest[i++]);
  } while (depth_ > 0 && i < rest.size());
  if (part_.size() + i > kMaxObjectBytes)
    return fail(Code::kResourceExhausted,
                fmt::format("an object of the list has more than {} MiB", kMaxObjectBytes >> 20U));
  std::string_view item = rest.substr(0, i);
  rest.remove_prefix(i);
  if (depth_ > 0 || !part_.empty()) {
    part_ += item;
    item = part_;
  }
  if (depth_ > 0) return {};
  auto taken = item_(item, head_);
  part_.clear();
  needs_comma_ = true;
  place_ = Place::kBetween;
  return taken;
}

Result<> ListSplitter::read_head(bool whole) {
  JsonScan scan(list_);
  if (!scan.enter('{')) return no_list(scan.error().message());
  bool typed = true;
  for (std::string_view key; scan.member(key);) {
    std::string_view raw;
    if (!whole && scan.peek() == 0) return {};  // the items come now
    if (key_is(key, "metadata") && scan.peek() == '{') {
      if (!scan.enter('{')) break;
      for (std::string_view inner; scan.member(inner) && scan.skip(raw);) {
        if (key_is(inner, "continue")) typed = typed && string_value(raw, head_.continue_token);
        if (key_is(inner, "resourceVersion")) typed = typed && string_value(raw, head_.resource_version);
      }
      continue;
    }
    if (!scan.skip(raw)) break;
    if (key_is(key, "kind")) typed = typed && string_value(raw, head_.kind);
    if (key_is(key, "apiVersion")) typed = typed && string_value(raw, head_.api_version);
    if (key_is(key, "items")) {
      if (raw == "null") items_seen_ = true;
      if (raw != "null" && raw != "[]") return no_list("its items are no list");
    }
  }
  if (whole ? !scan.end() : !scan.ok()) return no_list(scan.error().message());
  if (!typed) return no_list("its kind, version or token is no text");
  return {};
}

Result<ListHead> ListSplitter::finish() {
  if (place_ != Place::kHead || in_string_) return no_list("it ends too early");
  BERTH_TRY(read_head(true));
  if (!items_seen_) return no_list("it has no items");
  return std::move(head_);
}

}  // namespace berth::kubernetes
