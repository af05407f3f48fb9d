// Bounded JSON: nlohmann's parser with a check at each step.
#include "artifact/signature/bounded_json.h"

#include <fmt/format.h>

#include <set>
#include <string>
#include <vector>

#include "artifact/signature/limits.h"

namespace berth::artifact::signature {
namespace {

using Json = nlohmann::json;

// Sees the text's structure before it is stored. One thread at a time.
class Guard final {
 public:
  // False: what begins here is not stored, and the text is refused in the end.
  bool operator()(int /*depth*/, Json::parse_event_t event, Json& value) {
    using Event = Json::parse_event_t;
    if (too_deep_ || twice_) return false;
    switch (event) {
      case Event::object_start:
      case Event::array_start:
        names_.emplace_back();
        too_deep_ = names_.size() > kMaxJsonDepth;
        return !too_deep_;
      case Event::object_end:
      case Event::array_end: names_.pop_back(); return true;
      case Event::key:
        if (!names_.back().insert(value.get<std::string>()).second) twice_ = true;
        return !twice_;
      default: return true;
    }
  }
  [[nodiscard]] bool too_deep() const { return too_deep_; }
  [[nodiscard]] bool twice() const { return twice_; }

 private:
  std::vector<std::set<std::string>> names_;  // of each object or array that is open
  bool too_deep_ = false;
  bool twice_ = false;
};

}  // namespace

Result<Json> parse_bounded(std::string_view text, std::size_t max_bytes) {
  if (text.size() > max_bytes) {
    return fail(Code::kResourceExhausted, fmt::format("it has {} bytes; at most {} are read", text.size(), max_bytes));
  }
  Guard guard;
  Json json = Json::parse(text.begin(), text.end(), std::ref(guard), /*allow_exceptions=*/false);
  if (guard.too_deep()) {
    return fail(Code::kResourceExhausted, fmt::format("its JSON is nested deeper than {} levels", kMaxJsonDepth));
  }
  if (guard.twice()) return fail(Code::kInvalidArgument, "its JSON has one name twice in an object");
  if (json.is_discarded()) return fail(Code::kInvalidArgument, "it is not JSON");
  return json;
}

const std::string* text_at(const Json& json, const char* pointer) {
  const Json::json_pointer at(pointer);
  if (!json.contains(at)) return nullptr;
  return json.at(at).get_ptr<const std::string*>();
}

}  // namespace berth::artifact::signature
