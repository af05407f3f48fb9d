// History as JSON.
#include <fmt/format.h>

#include <array>
#include <initializer_list>
#include <nlohmann/json.hpp>

#include "artifact/store/history.h"
#include "artifact/store/limits.h"
#include "telemetry/utf8.h"

namespace berth::artifact {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kJsonFormat = 1;

// Valid UTF-8 of the same length or, cut between characters, of `max` bytes.
std::string clean(std::string_view text, std::size_t max = kMaxHistoryTextBytes) {
  std::string out;
  while (!text.empty()) {
    const auto [value, length, valid] = telemetry::decode_utf8(text);
    if (out.size() + length > max) break;
    if (valid) {
      out += text.substr(0, length);
    } else {
      out += '?';
    }
    text.remove_prefix(length);
  }
  return out;
}

std::string print_time(std::chrono::sys_seconds time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

// Exactly what print_time gives.
std::optional<std::chrono::sys_seconds> parse_time(std::string_view text) {
  constexpr std::string_view kShape = "0000-00-00T00:00:00Z";
  if (text.size() != kShape.size()) return std::nullopt;
  std::array<int, 6> numbers{};
  std::size_t field = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kShape[i] == '0' ? !digit : text[i] != kShape[i]) return std::nullopt;
    if (digit) {
      numbers[field] = numbers[field] * 10 + (text[i] - '0');
    } else {
      ++field;
    }
  }
  const auto [year, month, day, hour, minute, second] = numbers;
  const std::chrono::year_month_day date(std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

Json print_refused(const RefusedVersion& version) {
  return {{"digest", version.digest.to_string()},
          {"reason", clean(version.reason, kMaxReasonBytes)},
          {"since", print_time(version.since)}};
}

std::unexpected<Error> wrong(std::string_view key, std::string_view what) {
  return fail(Code::kFailedPrecondition, fmt::format("{}: {}", key, what));
}

std::unexpected<Error> too_many(std::string_view key, std::size_t size, std::size_t max) {
  return fail(Code::kResourceExhausted, fmt::format("{}: {} of them; at most {} are kept", key, size, max));
}

// One object of the record. Each of its keys has to be asked for.
class Fields final {
 public:
  Fields(const Json& object, std::string path) : object_(object), path_(std::move(path)) {}

  // `keys`: all that may be there.
  [[nodiscard]] Result<> check(std::initializer_list<std::string_view> keys) const {
    if (!object_.is_object()) return wrong(path_.empty() ? "the record" : path_, "not a JSON object");
    for (const auto& [key, value] : object_.items()) {
      if (std::ranges::find(keys, key) == keys.end())
        return wrong(name(clean(key, 60)), "not a key of this format");
    }
    return {};
  }
  [[nodiscard]] const Json* find(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }
  [[nodiscard]] std::string name(std::string_view key) const {
    return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
  }
  [[nodiscard]] Result<std::string> text(const char* key, std::size_t max = kMaxHistoryTextBytes) const {
    const Json* value = find(key);
    if (value == nullptr || !value->is_string()) return wrong(name(key), "not a text");
    const auto& out = value->get_ref<const std::string&>();
    if (out.size() > max) {
      return fail(Code::kResourceExhausted, fmt::format("{}: over {} bytes", name(key), max));
    }
    return out;
  }
  [[nodiscard]] Result<Digest> digest(const char* key) const {
    auto parsed = Digest::parse(BERTH_TRY(text(key)));
    if (!parsed) return wrong(name(key), parsed.error().message());
    return *parsed;
  }
  [[nodiscard]] Result<std::optional<Digest>> optional_digest(const char* key) const {
    if (find(key) == nullptr) return std::nullopt;
    return BERTH_TRY(digest(key));
  }
  [[nodiscard]] Result<std::chrono::sys_seconds> time(const char* key) const {
    const auto time = parse_time(BERTH_TRY(text(key)));
    if (!time) return wrong(name(key), "not a time such as 2026-01-31T10:00:00Z");
    return *time;
  }
  [[nodiscard]] Result<const Json*> list(const char* key, std::size_t max) const {
    const Json* value = find(key);
    if (value == nullptr || !value->is_array()) return wrong(name(key), "not a list");
    if (value->size() > max) return too_many(name(key), value->size(), max);
    return value;
  }

 private:
  const Json& object_;
  std::string path_;
};

Result<GoodVersion> parse_good(const Json& value, std::string path) {
  const Fields fields(value, std::move(path));
  BERTH_TRY(fields.check({"digest", "reference", "since"}));
  return GoodVersion{.digest = BERTH_TRY(fields.digest("digest")),
                     .reference = BERTH_TRY(fields.text("reference")),
                     .since = BERTH_TRY(fields.time("since"))};
}

Result<RefusedVersion> parse_refused(const Json& value, std::string path) {
  const Fields fields(value, std::move(path));
  BERTH_TRY(fields.check({"digest", "reason", "since"}));
  return RefusedVersion{.digest = BERTH_TRY(fields.digest("digest")),
                        .reason = BERTH_TRY(fields.text("reason", kMaxReasonBytes)),
                        .since = BERTH_TRY(fields.time("since"))};
}

Result<Known> parse_fetched(const Json& value) {
  const Fields fields(value, "fetched");
  BERTH_TRY(fields.check({"digest", "etag", "last_modified"}));
  return Known{.digest = BERTH_TRY(fields.digest("digest")),
               .validators = {.etag = BERTH_TRY(fields.text("etag")),
                              .last_modified = BERTH_TRY(fields.text("last_modified"))}};
}

}  // namespace

Result<std::string> print_history(const History& history) {
  for (const auto& [key, size, max] : {std::tuple("good", history.good.size(), kMaxGoodVersions),
                                       std::tuple("refused", history.refused.size(), kMaxRefused),
                                       std::tuple("accepted", history.accepted.size(), kMaxAccepted)}) {
    if (size > max) return too_many(key, size, max);
  }
  Json out;
  out["format"] = kJsonFormat;
  out["source"] = clean(history.source);
  if (history.fetched) {
    out["fetched"] = {{"digest", history.fetched->digest.to_string()},
                      {"etag", clean(history.fetched->validators.etag)},
                      {"last_modified", clean(history.fetched->validators.last_modified)}};
  }
  if (!history.policy.empty()) out["policy"] = clean(history.policy);
  if (history.running) out["running"] = history.running->to_string();
  if (history.pinned) out["pinned"] = history.pinned->to_string();
  out["good"] = Json::array();
  for (const GoodVersion& version : history.good) {
    out["good"].push_back({{"digest", version.digest.to_string()},
                           {"reference", clean(version.reference)},
                           {"since", print_time(version.since)}});
  }
  out["refused"] = Json::array();
  for (const RefusedVersion& version : history.refused) out["refused"].push_back(print_refused(version));
  if (history.held) out["held"] = print_refused(*history.held);
  out["accepted"] = Json::array();
  for (const Digest& digest : history.accepted) out["accepted"].push_back(digest.to_string());
  std::string text = out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  if (text.size() > kMaxHistoryBytes) {
    return fail(Code::kResourceExhausted, fmt::format("the history has {} bytes as text; at most {} are kept",
                                                      text.size(), kMaxHistoryBytes));
  }
  return text;
}

Result<History> parse_history(std::string_view text) {
  if (text.size() > kMaxHistoryBytes) {
    return fail(Code::kResourceExhausted, fmt::format("the history is over {} bytes", kMaxHistoryBytes));
  }
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return fail(Code::kFailedPrecondition, "the history is not JSON");
  const Fields fields(json, "");
  const Json* format = json.is_object() ? fields.find("format") : nullptr;
  if (format != nullptr && format->is_number_integer() && *format != kJsonFormat) {
    return wrong("format",
                 fmt::format("{}; this berth reads {}: a newer one wrote it", format->dump(), kJsonFormat));
  }
  BERTH_TRY(fields.check(
      {"format", "source", "fetched", "policy", "running", "pinned", "good", "refused", "held", "accepted"}));
  if (format == nullptr || !format->is_number_integer()) return wrong("format", "not a number");

  History history;
  history.source = BERTH_TRY(fields.text("source"));
  if (const Json* fetched = fields.find("fetched")) history.fetched = BERTH_TRY(parse_fetched(*fetched));
  if (fields.find("policy") != nullptr) history.policy = BERTH_TRY(fields.text("policy"));
  history.running = BERTH_TRY(fields.optional_digest("running"));
  history.pinned = BERTH_TRY(fields.optional_digest("pinned"));
  for (const Json& value : *BERTH_TRY(fields.list("good", kMaxGoodVersions))) {
    history.good.push_back(BERTH_TRY(parse_good(value, fmt::format("good[{}]", history.good.size()))));
  }
  for (const Json& value : *BERTH_TRY(fields.list("refused", kMaxRefused))) {
    history.refused.push_back(
        BERTH_TRY(parse_refused(value, fmt::format("refused[{}]", history.refused.size()))));
  }
  if (const Json* held = fields.find("held")) history.held = BERTH_TRY(parse_refused(*held, "held"));
  for (const Json& value : *BERTH_TRY(fields.list("accepted", kMaxAccepted))) {
    const auto digest = value.is_string() ? Digest::parse(value.get_ref<const std::string&>())
                                          : fail(Code::kInvalidArgument, "not a text");
    if (!digest) return wrong(fmt::format("accepted[{}]", history.accepted.size()), digest.error().message());
    history.accepted.push_back(*digest);
  }
  return history;
}

}  // namespace berth::artifact
