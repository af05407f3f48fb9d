// ListSplitter: the items of a List, one by one, while the answer is still arriving.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/byte_sink.h"

namespace berth::kubernetes {

// What a list says besides its items. Plain value.
struct ListHead {
  std::string api_version, kind;  // of the list; empty: not said, or not yet
  std::string resource_version, continue_token;
};

// Holds one item at a time, at most kMaxObjectBytes; never the list. Bytes it was given may be split
// anywhere. Errors: kInvalidArgument, the answer is no list; kResourceExhausted, it is over a limit; whatever
// `item` returned.
// One thread at a time.
class ListSplitter final : public ByteSink {
 public:
  // Called with each item, which lies in the call only, and with what the list has said so far.
  using Item = std::function<Result<void>(std::string_view item, const ListHead& head)>;
  explicit ListSplitter(Item item) : item_(std::move(item)) {}

  [[nodiscard]] Result<> write(std::span<const std::uint8_t> bytes) override;
  // After the last byte: what the list says. Errors as above.
  [[nodiscard]] Result<ListHead> finish();

 private:
  enum class Place : std::uint8_t { kHead, kBetween, kItem };

  Result<> in_head(std::string_view& rest);
  Result<> between(std::string_view& rest);
  Result<> in_item(std::string_view& rest);
  // Of `c` outside of strings and in them.
  void count(char c);
  Result<> keep_head(std::string_view some);
  [[nodiscard]] bool at_items() const;
  Result<> read_head(bool whole);

  Item item_;
  ListHead head_;
  Place place_ = Place::kHead;
  std::string list_;       // the list without its items
  std::string part_;       // of an item that came in several pieces
  std::size_t depth_ = 0;  // in the list, or in an item
  bool in_string_ = false, escaped_ = false;
  bool needs_comma_ = false, after_comma_ = false;
  bool items_seen_ = false;
};

}  // namespace berth::kubernetes
