// The effective manifest as JSON.
#include <charconv>
#include <nlohmann/json.hpp>

#include "manifest/manifest.h"

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

Json workload(const Workload& w) {
  Json out;
  out["source"] = w.source.text;
  out["path"] = w.source.path.string();
  switch (w.instances) {
    case InstancePolicy::kFresh: out["instances"] = "fresh"; break;
    case InstancePolicy::kOne: out["instances"] = "one"; break;
    case InstancePolicy::kPool: out["instances"] = {{"pool", w.pool_size}}; break;
  }
  out["limits"] = {{"memory", format_bytes(w.limits.memory_bytes)}, {"tables", w.limits.table_elements},
                   {"instances", w.limits.core_instances},          {"call", format_duration(w.limits.call)},
                   {"concurrency", w.limits.concurrency},           {"queue", w.limits.queue}};
  out["grants"] = Json::object();
  for (const Grant& grant : w.grants) out["grants"][grant.name] = tree(grant.value);
  out["update"] = {{"watch", w.update.watch}, {"drain", format_duration(w.update.drain)}};
  out["handover"] = w.handover ? "auto" : "off";
  out["args"] = w.args;
  out["env"] = Json::object();
  for (const auto& [key, text] : w.env) out["env"][key] = text;
  out["triggers"] = Json::array();
  for (const Trigger& trigger : w.triggers) out["triggers"].push_back({{trigger.name, tree(trigger.value)}});
  return out;
}

}  // namespace

std::string to_json(const Manifest& manifest) {
  static constexpr std::array kFormats = {"auto", "text", "json"};
  Json out;
  out["workloads"] = Json::object();
  for (const Workload& w : manifest.workloads) out["workloads"][w.name] = workload(w);
  out["telemetry"] = {{"log",
                       {{"level", manifest.telemetry.log_level},
                        {"format", kFormats[static_cast<std::size_t>(manifest.telemetry.log_format)]}}}};
  if (manifest.telemetry.listen) out["telemetry"]["listen"] = manifest.telemetry.listen->to_string();
  if (manifest.control_socket) out["control"] = {{"socket", manifest.control_socket->string()}};
  // The text was checked to be UTF-8 when it was parsed; "replace" keeps dump from throwing all the same.
  return out.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace berth::manifest
