// The effective manifest as JSON.
#include <charconv>
#include <nlohmann/json.hpp>

#include "manifest/manifest.h"
#include "manifest/units.h"

namespace berth::manifest {
namespace {

using Json = nlohmann::ordered_json;

// A plain scalar becomes what YAML's core schema says it is.
Json scalar(const Value& value) {
  const std::string& text = value.text();
  if (value.quoted()) return text;
  if (text == "true") return true;
  if (text == "false") return false;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size()) return number;
  return text;
}

Json tree(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull: return Json::object();  // `logging:` means `logging: {}`
    case Value::Kind::kScalar: return scalar(value);
    case Value::Kind::kList: {
      Json out = Json::array();
      for (const Value& item : value.items()) out.push_back(tree(item));
      return out;
    }
    case Value::Kind::kMap: {
      Json out = Json::object();
      for (const Value::Entry& entry : value.entries()) out[entry.key] = tree(entry.value);
      return out;
    }
  }
  return nullptr;
}

Json tolerance(const std::optional<Tolerance>& t) {
  if (!t) return "off";
  if (t->more && t->factor) return {format_percent(*t->more), format_factor(*t->factor)};
  return t->more ? format_percent(*t->more) : format_factor(t->factor.value_or(1));
}

Json update(const Update& u) {
  Json out = {{"watch", u.watch},
              {"drain", format_duration(u.drain)},
              {"every", u.every.count() == 0 ? "off" : format_duration(u.every)},
              {"jitter", format_duration(u.jitter)},
              {"backoff", format_duration(u.backoff)},
              {"shadow", "off"},
              {"canary", "off"},
              {"rollback", "off"},
              {"hold", u.hold},
              {"downgrade", u.allow_downgrade ? "allow" : "refuse"}};
  if (u.shadow) {
    out["shadow"] = {{"percent", format_percent(u.shadow->percent)},
                     {"for", format_duration(u.shadow->time)},
                     {"differ", format_percent(u.shadow->differ)}};
  }
  if (u.canary) {
    out["canary"] = {{"percent", format_percent(u.canary->percent)},
                     {"for", format_duration(u.canary->time)},
                     {"by", u.canary->by == CanaryBy::kKey ? "key" : "random"}};
  }
  if (u.rollback) {
    out["rollback"] = {{"errors", tolerance(u.rollback->errors)},
                       {"latency", tolerance(u.rollback->latency)},
                       {"within", format_duration(u.rollback->within)},
                       {"min-calls", u.rollback->min_calls}};
  }
  return out;
}

Json signature(const Signature& s) {
  if (s.need == Signature::Need::kNone) return "none";
  Json keys = Json::array();
  for (const auto& key : s.keys) keys.push_back(key.string());
  return {{s.need == Signature::Need::kAnyOf ? "any-of" : "all-of", std::move(keys)}};
}

Json registry(const Registry& r) {
  Json out = {{"plain-http", r.plain_http}};
  const auto path = [&](const char* key, const std::optional<std::filesystem::path>& value) {
    if (value) out[key] = value->string();
  };
  path("ca", r.ca);
  path("cert", r.cert);
  path("key", r.key);
  if (r.user) out["user"] = *r.user;
  path("password-file", r.password_file);
  path("token-file", r.token_file);
  path("docker-config", r.docker_config);
  out["token-hosts"] = r.token_hosts;
  out["addresses"] = r.addresses;
  out["proxy"] = r.proxy;
  return out;
}

Json workload(const Workload& w) {
  Json out;
  out["source"] = w.source.text;
  if (w.source.kind == Source::Kind::kFile) out["path"] = w.source.path.string();
  switch (w.instances) {
    case InstancePolicy::kFresh: out["instances"] = "fresh"; break;
    case InstancePolicy::kKept:
      if (w.instance_count == 1)
        out["instances"] = "one";
      else
        out["instances"] = w.instance_count;
      break;
    case InstancePolicy::kPool: out["instances"] = {{"pool", w.instance_count}}; break;
  }
  out["limits"] = {{"memory", format_bytes(w.limits.memory_bytes)}, {"tables", w.limits.table_elements},
                   {"instances", w.limits.core_instances},          {"call", format_duration(w.limits.call)},
                   {"concurrency", w.limits.concurrency},           {"queue", w.limits.queue}};
  out["grants"] = Json::object();
  for (const Grant& grant : w.grants) out["grants"][grant.name] = tree(grant.value);
  out["update"] = update(w.update);
  out["signature"] = signature(w.signature);
  out["handover"] = w.handover ? "auto" : "off";
  out["args"] = w.args;
  out["env"] = Json::object();
  for (const auto& [key, text] : w.env) out["env"][key] = text;
  out["triggers"] = Json::array();
  for (const Trigger& trigger : w.triggers) out["triggers"].push_back({{trigger.name, tree(trigger.value)}});
  return out;
}

}  // namespace

std::string to_json(const Value& value) {
  return tree(value).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string to_json(const Manifest& manifest) {
  static constexpr std::array kFormats = {"auto", "text", "json"};
  Json out;
  out["workloads"] = Json::object();
  for (const Workload& w : manifest.workloads) out["workloads"][w.name] = workload(w);
  out["telemetry"] = {{"log",
                       {{"level", manifest.telemetry.log_level},
                        {"format", kFormats[static_cast<std::size_t>(manifest.telemetry.log_format)]}}}};
  if (manifest.telemetry.listen) out["telemetry"]["listen"] = manifest.telemetry.listen->to_string();
  out["store"] = {{"max", format_bytes(manifest.store.max_bytes)}, {"keep", manifest.store.keep}};
  if (manifest.store.path) out["store"]["path"] = manifest.store.path->string();
  out["registries"] = Json::object();
  for (const Registry& r : manifest.registries) out["registries"][r.name] = registry(r);
  for (const Added& section : manifest.added) out[section.name] = tree(section.value);
  if (manifest.control_socket) out["control"] = {{"socket", manifest.control_socket->string()}};
  // The text was checked to be UTF-8 when it was parsed; "replace" keeps dump from throwing all the same.
  return out.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace berth::manifest
