// Rules: reading, check by check.
#include "applications/gather/native/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "abi/utf8.h"
#include "applications/gather/native/json_bounds.h"
#include "applications/gather/native/limits.h"
#include "manifest/problems.h"

namespace berth::gather {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxNameOfRule = 128;

bool is_word(std::string_view text, std::string_view more) {
  return !text.empty() && text.size() <= kMaxNameOfRule && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           more.find(c) != std::string_view::npos;
  });
}
bool is_alert(std::string_view text) { return is_word(text, "_"); }
bool is_container(std::string_view text) { return is_word(text, "_.-"); }
bool after(std::string_view text, std::string_view prefix) {
  return text.starts_with(prefix) && is_word(text.substr(prefix.size()), "_.-");
}
bool is_product_namespace(std::string_view text) { return after(text, "openshift-"); }
bool is_log_namespace(std::string_view text) { return after(text, "openshift-") || after(text, "kube-"); }

// Keeps the first mistake and reads on. One thread at a time.
class RulesReader final {
 public:
  Rules read(const Json& root) {
    check_object(root, "", {"version", "conditional_gathering_rules", "container_logs"});
    Rules out;
    if (const auto version = root.find("version"); version != root.end())
      out.version = text_of(*version, "version", kMaxNameOfRule);
    const Json& rules = member(root, "", "conditional_gathering_rules");
    if (!is_list(rules, "conditional_gathering_rules", kMaxRules)) return out;
    std::set<std::string> seen;
    for (std::size_t i = 0; i < rules.size(); ++i) {
      const std::string at = fmt::format("conditional_gathering_rules[{}]", i);
      out.rules.push_back(rule(rules[i], at));
      if (!seen.insert(out.rules.back().json).second) refuse(at, "the same rule twice");
    }
    if (const auto logs = root.find("container_logs"); logs != root.end() && !logs->is_null()) {
      if (!is_list(*logs, "container_logs", kMaxLogRequests)) return out;
      for (std::size_t i = 0; i < logs->size(); ++i)
        check_log_request((*logs)[i], fmt::format("container_logs[{}]", i));
      if (!logs->empty()) out.container_logs = logs->dump();
      if (out.container_logs.size() > kMaxParametersBytes)
        refuse("container_logs", fmt::format("more than {} bytes", kMaxParametersBytes));
    }
    return out;
  }

  // The first; empty without any.
  [[nodiscard]] const std::string& mistake() const { return mistake_; }

 private:
  using Check = bool (*)(std::string_view);

  void refuse(const std::string& path, std::string_view why) {
    if (mistake_.empty()) mistake_ = fmt::format("{}: {}", path.empty() ? "the rules" : path, why);
  }
  bool is_list(const Json& value, const std::string& path, std::size_t most) {
    if (value.is_array() && value.size() <= most) return true;
    refuse(path, fmt::format("expected a list of up to {}", most));
    return false;
  }

  const Json& member(const Json& object, const std::string& path, const char* key) {
    static const Json kNothing;
    const auto found = object.find(key);
    if (found != object.end()) return *found;
    refuse(path, fmt::format("the key {} is missing", key));
    return kNothing;
  }

  void check_object(const Json& value, const std::string& path,
                    std::initializer_list<std::string_view> keys) {
    if (!value.is_object()) return refuse(path, "expected an object");
    for (const auto& [key, unused] : value.items()) {
      if (keys.size() > 0 && std::ranges::find(keys, key) == keys.end())
        refuse(path, fmt::format("no key {}; known are {}", manifest::shown(key), fmt::join(keys, ", ")));
    }
  }

  std::string text_of(const Json& value, const std::string& path, std::size_t max_bytes) {
    if (!value.is_string()) {
      refuse(path, "expected a text");
      return {};
    }
    auto text = value.get<std::string>();
    if (text.size() > max_bytes) refuse(path, fmt::format("more than {} bytes", max_bytes));
    return text;
  }

  // ---- parameters of functions that the Insights Operator has ------------------------------------

  void check_text(const Json& parameters, const std::string& path, const char* key, Check fits,
                  bool required) {
    if (!required && !parameters.contains(key)) return;
    const std::string at = path + "." + key;
    if (!fits(text_of(member(parameters, path, key), at, kMaxNameBytes + kMaxNameOfRule)))
      refuse(at, "not a name that is allowed here");
  }

  void check_lines(const Json& parameters, const std::string& path) {
    const Json& lines = member(parameters, path, "tail_lines");
    constexpr int kMaxLines = 4096;
    if (!lines.is_number_integer() || lines < 1 || lines > kMaxLines)
      refuse(path + ".tail_lines", fmt::format("expected a number from 1 to {}", kMaxLines));
  }

  void check_function(const std::string& name, const Json& parameters, const std::string& path) {
    check_object(parameters, path, {});
    if (name == "logs_of_namespace") {
      check_text(parameters, path, "namespace", is_product_namespace, true);
      check_lines(parameters, path);
    } else if (name == "image_streams_of_namespace") {
      check_text(parameters, path, "namespace", is_product_namespace, true);
    } else if (name == "api_request_counts_of_resource_from_alert" || name == "pod_definition") {
      check_text(parameters, path, "alert_name", is_alert, true);
    } else if (name == "containers_logs") {
      check_text(parameters, path, "alert_name", is_alert, true);
      check_text(parameters, path, "namespace", is_product_namespace, false);
      check_text(parameters, path, "container", is_container, false);
      check_lines(parameters, path);
      if (const auto previous = parameters.find("previous");
          previous != parameters.end() && !previous->is_boolean())
        refuse(path + ".previous", "expected true or false");
    }
  }

  // ---- rules -------------------------------------------------------------------------------------

  Condition condition(const Json& value, const std::string& path) {
    check_object(value, path, {"type", "alert", "cluster_version_matches"});
    const std::string type = text_of(member(value, path, "type"), path + ".type", kMaxNameOfRule);
    if (type == "alert_is_firing") {
      const std::string at = path + ".alert";
      const Json& alert = member(value, path, "alert");
      check_object(alert, at, {"name"});
      auto name = text_of(member(alert, at, "name"), at + ".name", kMaxNameOfRule);
      if (!is_alert(name)) refuse(at + ".name", "an alert's name has 1 to 128 letters, digits and _");
      return {.kind = Condition::Kind::kAlertIsFiring, .alert = std::move(name), .versions = {}};
    }
    if (type == "cluster_version_matches") {
      const std::string at = path + ".cluster_version_matches";
      const Json& matches = member(value, path, "cluster_version_matches");
      check_object(matches, at, {"version"});
      auto range =
          VersionRange::parse(text_of(member(matches, at, "version"), at + ".version", kMaxNameOfRule));
      if (range)
        return {.kind = Condition::Kind::kClusterVersionMatches, .alert = {}, .versions = *std::move(range)};
      refuse(at + ".version", range.error().message());
      return {};
    }
    refuse(path + ".type", "expected alert_is_firing or cluster_version_matches");
    return {};
  }

  Rule rule(const Json& value, const std::string& path) {
    check_object(value, path, {"conditions", "gathering_functions"});
    Rule out;
    const Json& conditions = member(value, path, "conditions");
    if (!is_list(conditions, path + ".conditions", kMaxConditions)) return out;
    std::set<std::string> seen;
    for (std::size_t i = 0; i < conditions.size(); ++i) {
      const std::string at = fmt::format("{}.conditions[{}]", path, i);
      out.conditions.push_back(condition(conditions[i], at));
      if (!seen.insert(conditions[i].dump()).second) refuse(at, "the same condition twice");
    }
    const std::string at = path + ".gathering_functions";
    const Json& functions = member(value, path, "gathering_functions");
    if (!functions.is_object() || functions.empty() || functions.size() > kMaxFunctions) {
      refuse(at, fmt::format("expected an object with 1 to {} functions", kMaxFunctions));
      return out;
    }
    for (const auto& [name, parameters] : functions.items()) {
      if (!is_word(name, "_-") || name.size() > kMaxNameBytes)
        refuse(at, "a function's name has 1 to 100 letters, digits, - and _");
      check_function(name, parameters, at + "." + name);
      out.functions.push_back({name, parameters.dump()});
    }
    out.json = value.dump();
    return out;
  }

  void check_log_request(const Json& value, const std::string& path) {
    check_object(value, path, {"namespace", "pod_name_regex", "messages", "previous"});
    if (!is_log_namespace(text_of(member(value, path, "namespace"), path + ".namespace", kMaxPatternBytes)))
      refuse(path + ".namespace", "expected a name that begins with openshift- or kube-");
    (void)text_of(member(value, path, "pod_name_regex"), path + ".pod_name_regex", kMaxPatternBytes);
    const Json& messages = member(value, path, "messages");
    if (!is_list(messages, path + ".messages", kMaxPatterns)) return;
    for (std::size_t i = 0; i < messages.size(); ++i)
      (void)text_of(messages[i], fmt::format("{}.messages[{}]", path, i), kMaxPatternBytes);
    if (const auto previous = value.find("previous"); previous != value.end() && !previous->is_boolean())
      refuse(path + ".previous", "expected true or false");
  }

  std::string mistake_;
};

}  // namespace

Result<Rules> parse_rules(std::string_view text) {
  const auto wrong = [](const std::string& why) { return fail(Code::kInvalidArgument, why); };
  if (text.size() > kMaxRulesBytes)
    return wrong(fmt::format("the rules have more than {} bytes", kMaxRulesBytes));
  if (!abi::is_utf8(text)) return wrong("the rules are no UTF-8");
  BERTH_TRY(check_json_depth(text, kMaxJsonDepth));
  const Json root = Json::parse(text, nullptr, false);
  if (root.is_discarded()) return wrong("the rules are no JSON");
  RulesReader reader;
  Rules rules = reader.read(root);
  if (!reader.mistake().empty()) return wrong(reader.mistake());
  rules.json = text;
  return rules;
}

std::string_view default_rules() {
  return R"({"version":"built-in","conditional_gathering_rules":[)"
         R"({"conditions":[{"type":"alert_is_firing","alert":{"name":"KubePodCrashLooping"}}],)"
         R"("gathering_functions":{"containers_logs":{"alert_name":"KubePodCrashLooping","tail_lines":20,)"
         R"("previous":true}}},)"
         R"({"conditions":[{"type":"alert_is_firing","alert":{"name":"KubePodNotReady"}}],)"
         R"("gathering_functions":{"containers_logs":{"alert_name":"KubePodNotReady","tail_lines":100},)"
         R"("pod_definition":{"alert_name":"KubePodNotReady"}}},)"
         R"({"conditions":[{"type":"alert_is_firing","alert":{"name":"APIRemovedInNextReleaseInUse"}}],)"
         R"("gathering_functions":{"api_request_counts_of_resource_from_alert":)"
         R"({"alert_name":"APIRemovedInNextReleaseInUse"}}}],"container_logs":[]})";
}

}  // namespace berth::gather
