// Conditional: conditions and what they ask for.
#include "applications/gather/native/conditional.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "applications/gather/native/json_bounds.h"
#include "applications/gather/native/limits.h"
#include "applications/gather/native/rules.h"
#include "applications/gather/native/state_file.h"
#include "applications/gather/native/web.h"

namespace berth::gather {

namespace {

using OrderedJson = nlohmann::ordered_json;
// The labels of those that fire, by name.
using Alerts = std::map<std::string, std::vector<OrderedJson>, std::less<>>;

Result<std::string> read_rules(const RuleSource& source, const ConditionSources& ask,
                               const std::stop_token& stop) {
  if (source.file) return read_small_file(*source.file, kMaxRulesBytes);
  return get_from(*source.remote, source.remote->url, kMaxRulesBytes, ask.io, ask.user_agent, stop);
}

Result<Alerts> firing_alerts(const Remote& prometheus, const ConditionSources& ask,
                             const std::stop_token& stop) {
  std::string path = prometheus.url.path();
  if (!path.ends_with('/')) path += '/';
  const auto url = BERTH_TRY(prometheus.url.with_target(path + "api/v1/alerts", prometheus.url.query()));
  const std::string text =
      BERTH_TRY(get_from(prometheus, url, kMaxAlertsBytes, ask.io, ask.user_agent, stop));
  const auto wrong = [&] {
    return fail(Code::kUnavailable, url.shown() + ": the answer is not that of Prometheus' API");
  };
  if (!check_json_depth(text, kMaxJsonDepth)) return wrong();
  const OrderedJson json = OrderedJson::parse(text, nullptr, false);
  const OrderedJson::json_pointer at("/data/alerts");
  if (!json.is_object() || !json.contains(at) || !json.at(at).is_array()) return wrong();
  Alerts out;
  for (const OrderedJson& alert : json.at(at)) {
    const auto is = [](const OrderedJson& object, const char* key, std::string_view text) {
      const auto found = object.find(key);
      return found != object.end() && found->is_string() && found->get_ref<const std::string&>() == text;
    };
    if (!alert.is_object() || !is(alert, "state", "firing")) continue;
    const auto labels = alert.find("labels");
    if (labels == alert.end() || !labels->is_object()) continue;
    const auto name = labels->find("alertname");
    if (name == labels->end() || !name->is_string()) continue;
    auto& of_name = out[name->get<std::string>()];
    if (of_name.size() < kMaxAlertsOfName) of_name.push_back(*labels);
  }
  return out;
}

// Each is asked when the first condition needs it. One thread at a time.
class Asking final {
 public:
  Asking(const RuleSource& source, const ConditionSources& ask, const std::stop_token& stop)
      : source_(source), ask_(ask), stop_(stop) {}

  Result<bool> holds(const Condition& condition) {
    if (condition.kind == Condition::Kind::kAlertIsFiring) {
      const Result<Alerts>& known = alerts();
      if (!known) return fail(known.error());
      return known->contains(condition.alert);
    }
    if (!version_) version_.emplace(ask_version());
    if (!*version_) return fail(version_->error());
    return condition.versions.matches(**version_);
  }

  const Result<Alerts>& alerts() {
    if (!alerts_) {
      alerts_.emplace(source_.prometheus
                          ? firing_alerts(*source_.prometheus, ask_, stop_)
                          : fail(Code::kFailedPrecondition,
                                 "no alert is known to fire: the section gather.rules has no prometheus"));
    }
    return *alerts_;
  }

 private:
  Result<SemanticVersion> ask_version() {
    if (!ask_.version.empty()) return SemanticVersion::parse(ask_.version);
    if (ask_.cluster == nullptr) {
      return fail(Code::kFailedPrecondition,
                  "the cluster's version is not known; write it into gather.cluster.version");
    }
    return SemanticVersion::parse(BERTH_TRY(ask_.cluster->version()));
  }

  const RuleSource& source_;
  const ConditionSources& ask_;
  const std::stop_token& stop_;
  std::optional<Result<Alerts>> alerts_;
  std::optional<Result<SemanticVersion>> version_;
};

// With the labels of the alert that they are about.
std::string with_alerts(const std::string& parameters, Asking& asking) {
  OrderedJson out = OrderedJson::parse(parameters);
  const auto name = out.find("alert_name");
  if (name == out.end() || !name->is_string()) return parameters;
  const auto& alerts = asking.alerts();
  if (!alerts) return parameters;
  const auto found = alerts->find(name->get_ref<const std::string&>());
  out["alerts"] = found == alerts->end() ? OrderedJson::array() : OrderedJson(found->second);
  std::string told = out.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  return told.size() > kMaxParametersBytes ? parameters : told;
}

}  // namespace

Conditional evaluate_rules(const RuleSource& source, const ConditionSources& ask,
                           const std::stop_token& stop) {
  Conditional out;
  std::string endpoint = "built-in";
  Result<Rules> rules = fail(Code::kNotFound, "no rules");
  if (source.file || source.remote) {
    const std::string where = source.file ? source.file->string() : source.remote->url.shown();
    const auto text = read_rules(source, ask, stop);
    rules = text ? parse_rules(*text) : Result<Rules>(fail(text.error()));
    if (rules)
      endpoint = where;
    else
      out.problem = where + ": " + rules.error().message();
  }
  if (!rules) rules = parse_rules(default_rules());

  Asking asking(source, ask, stop);
  OrderedJson about = {{"version", rules->version},
                       {"conditional_gathering_rules", OrderedJson::array()},
                       {"endpoint", endpoint}};
  if (!out.problem.empty()) about["problem"] = out.problem;
  for (const Rule& rule : rules->rules) {
    OrderedJson errors = OrderedJson::array();
    bool triggered = true;
    for (const Condition& condition : rule.conditions) {
      const auto holds = asking.holds(condition);
      if (!holds) errors.push_back(holds.error().message());
      if (holds && *holds) continue;
      triggered = false;
      break;
    }
    if (triggered) {
      for (const GatheringFunction& f : rule.functions)
        out.asked.push_back({f.name, with_alerts(f.parameters, asking)});
    }
    about["conditional_gathering_rules"].push_back({{"rule", OrderedJson::parse(rule.json)},
                                                    {"errors", std::move(errors)},
                                                    {"was_triggered", triggered}});
  }
  if (!rules->container_logs.empty())
    out.asked.push_back({"container_logs", R"({"container_logs":)" + rules->container_logs + "}"});
  out.version = rules->version;
  out.own.push_back({"insights-operator/conditional-gatherer-rules.json",
                     about.dump(-1, ' ', false, OrderedJson::error_handler_t::replace)});
  out.own.push_back({"insights-operator/remote-configuration.json", rules->json});
  return out;
}

}  // namespace berth::gather
