// JSON from strangers: one pass that only checks and can stop at once, then the library's own parser.
#include "artifact/oci/json.h"

#include <fmt/format.h>

#include <set>
#include <vector>

#include "artifact/oci/limits.h"

namespace berth::artifact::oci {
namespace {

// Sees every value before it is kept. One thread at a time.
class Checker final : public nlohmann::json_sax<Json> {
 public:
  explicit Checker(std::string_view what) : what_(what) {}

  bool null() override { return counted(); }
  bool boolean(bool) override { return counted(); }
  bool number_integer(number_integer_t) override { return counted(); }
  bool number_unsigned(number_unsigned_t) override { return counted(); }
  bool number_float(number_float_t, const string_t&) override { return counted(); }
  bool string(string_t&) override { return counted(); }
  bool binary(binary_t&) override { return counted(); }
  bool start_object(std::size_t) override { return deeper(); }
  bool key(string_t& name) override {
    if (!keys_.back().insert(name).second) {
      return refuse(Code::kInvalidArgument, "has a key twice in one object");
    }
    return counted();
  }
  bool end_object() override { return keys_.pop_back(), true; }
  bool start_array(std::size_t) override { return deeper(); }
  bool end_array() override { return keys_.pop_back(), true; }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    return refuse(Code::kInvalidArgument, fmt::format("is no JSON (byte {})", position));
  }

  [[nodiscard]] Error error() && {
    return std::move(error_).value_or(Error(Code::kInvalidArgument, std::string(what_) + " is no JSON"));
  }

 private:
  bool counted() {
    if (++values_ > kMaxJsonValues) {
      return refuse(Code::kResourceExhausted, fmt::format("has more than {} values", kMaxJsonValues));
    }
    return true;
  }
  bool deeper() {
    keys_.emplace_back();
    if (keys_.size() > kMaxJsonDepth) {
      return refuse(Code::kResourceExhausted, fmt::format("nests deeper than {}", kMaxJsonDepth));
    }
    return counted();
  }
  bool refuse(Code code, const std::string& why) {
    error_.emplace(code, fmt::format("{} {}", what_, why));
    return false;
  }

  std::string_view what_;
  std::size_t values_ = 0;
  std::vector<std::set<std::string>> keys_;  // of each open object; empty for an array
  std::optional<Error> error_;
};

// Null for absent.
const Json* member(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::unexpected<Error> wrong(const char* key, std::string_view wanted) {
  return fail(Code::kInvalidArgument, fmt::format("\"{}\" is not {}", key, wanted));
}

}  // namespace

Result<Json> parse_object(std::string_view text, std::size_t max_bytes, std::string_view what) {
  if (text.size() > max_bytes) {
    return fail(Code::kResourceExhausted, fmt::format("{} has more than {} KiB", what, max_bytes >> 10));
  }
  Checker checker(what);
  if (!Json::sax_parse(text, &checker)) return fail(std::move(checker).error());
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return fail(Code::kInvalidArgument, fmt::format("{} is no JSON object", what));
  return json;
}

Result<std::optional<std::string>> text_member(const Json& object, const char* key) {
  const Json* value = member(object, key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) return wrong(key, "a text");
  return value->get_ref<const std::string&>();
}

Result<std::optional<std::uint64_t>> count_member(const Json& object, const char* key) {
  const Json* value = member(object, key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_unsigned()) return wrong(key, "a whole number from 0");
  return value->get<std::uint64_t>();
}

Result<const Json*> array_member(const Json& object, const char* key, std::size_t max_items) {
  const Json* value = member(object, key);
  if (value == nullptr) return nullptr;
  if (!value->is_array()) return wrong(key, "a list");
  if (value->size() > max_items) {
    return fail(Code::kResourceExhausted,
                fmt::format("\"{}\" has {} entries, more than {}", key, value->size(), max_items));
  }
  return value;
}

Result<const Json*> object_member(const Json& object, const char* key) {
  const Json* value = member(object, key);
  if (value == nullptr) return nullptr;
  if (!value->is_object()) return wrong(key, "an object");
  return value;
}

}  // namespace berth::artifact::oci
