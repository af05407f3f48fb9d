// Manifest: YAML values to plain structs.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>

#include "manifest/limits.h"
#include "manifest/manifest.h"
#include "manifest/read_sources.h"
#include "manifest/read_update.h"
#include "manifest/reader.h"
#include "manifest/sections.h"
#include "manifest/yaml.h"

namespace berth::manifest {
namespace {

namespace fs = std::filesystem;

struct Parser {
  const LoadOptions& options;
  const fs::path& folder;
  Problems& problems;

  // ---- one workload --------------------------------------------------------------------------

  void instances(const Value& value, const std::string& path, Workload& out) {
    if (value.is_map()) {
      MapReader reader(value, kInstancesSection, path, problems);
      if (reader.require("pool") == nullptr) return;
      out.instances = InstancePolicy::kPool;
      out.instance_count = static_cast<std::uint32_t>(reader.integer("pool", 1, kMaxPool).value_or(1));
      return;
    }
    if (value.is_scalar() && value.text() == "pool") {
      problems.add(value.mark(), path + ": a pool needs its size; write {pool: 8}");
    } else if (value.is_scalar() && !value.text().empty() && std::isdigit(value.text().front()) != 0) {
      out.instances = InstancePolicy::kKept;
      out.instance_count =
          static_cast<std::uint32_t>(read_integer(value, path, problems, 1, kMaxShards).value_or(1));
    } else if (const auto i = read_one_of(value, path, problems, {"fresh", "one", "a number", "{pool: N}"})) {
      if (*i > 1)
        problems.add(value.mark(), path + ": write the number of instances, such as 2 or {pool: 8}");
      out.instances = *i == 0 ? InstancePolicy::kFresh : InstancePolicy::kKept;
      out.instance_count = 1;
    }
  }

  Limits limits(const Value& value, const std::string& path) {
    MapReader reader(value, kLimitsSection, path, problems);
    Limits out;
    const auto number = [&](std::string_view key, std::uint32_t& field, std::int64_t min, std::int64_t max) {
      if (const auto n = reader.integer(key, min, max)) field = static_cast<std::uint32_t>(*n);
    };
    out.memory_bytes = reader.bytes("memory", kMinMemoryBytes, kMaxMemoryBytes).value_or(out.memory_bytes);
    out.call = reader.duration("call", kMinCall, kMaxCall).value_or(out.call);
    number("tables", out.table_elements, 0, kMaxTableElements);
    number("instances", out.core_instances, 1, kMaxCoreInstances);
    number("concurrency", out.concurrency, 1, kMaxConcurrency);
    number("queue", out.queue, 0, kMaxQueue);
    return out;
  }

  std::vector<Grant> grants(const Value& value, const std::string& path) {
    std::vector<Grant> out;
    if (value.is_null()) return out;
    if (!value.is_map()) {
      problems.add(value.mark(), path + ": expected a map such as {logging: {}}");
      return out;
    }
    for (const Value::Entry& entry : value.entries()) {
      if (extension(options.grants, entry.key, entry.key_mark, entry.value, path, "capability")) {
        out.push_back({entry.key, entry.value, entry.key_mark});
      }
    }
    return out;
  }

  std::vector<Trigger> triggers(const Value& value, const std::string& path) {
    std::vector<Trigger> out;
    if (value.is_null()) return out;
    if (!value.is_list()) {
      problems.add(value.mark(),
                   path + ": expected a list of maps with one key each; begin each with \"- \"");
      return out;
    }
    for (std::size_t i = 0; i < value.items().size(); ++i) {
      const Value& item = value.items()[i];
      const std::string item_path = fmt::format("{}[{}]", path, i);
      if (!item.is_map() || item.entries().size() != 1) {
        problems.add(item.mark(), fmt::format("{}: expected a map with one key, the kind of trigger; {}",
                                              item_path, suggestion("", names(options.triggers))));
        continue;
      }
      const Value::Entry& entry = item.entries()[0];
      if (extension(options.triggers, entry.key, entry.key_mark, entry.value, item_path, "trigger")) {
        out.push_back({entry.key, entry.value, entry.key_mark});
      }
    }
    return out;
  }

  static std::vector<std::string_view> names(std::span<const Extension> extensions) {
    std::vector<std::string_view> out;
    for (const Extension& e : extensions) out.push_back(e.name);
    return out;
  }

  bool extension(std::span<const Extension> known, const std::string& key, Mark mark, const Value& value,
                 const std::string& path, std::string_view what) {
    const auto found = std::ranges::find(known, key, &Extension::name);
    if (found == known.end()) {
      problems.add(mark, fmt::format("{}: this build has no {} {}; {}", path, what, shown(key),
                                     suggestion(key, names(known))));
      return false;
    }
    found->check(value, path + "." + key, problems);
    return true;
  }

  void environment(MapReader& reader, Workload& out) {
    const Value* env = reader.get("env");
    out.env = reader.text_map("env");
    if (env == nullptr) return;
    for (const Value::Entry& entry : env->entries()) {
      if (entry.key.empty() || entry.key.find('=') != std::string::npos) {
        reader.problem(entry.key_mark, "env",
                       fmt::format("{} is no variable's name; write a name without =", shown(entry.key)));
      }
    }
  }

  Workload workload(const std::string& name, Mark mark, const Value& value) {
    Workload out;
    out.name = name;
    out.mark = mark;
    const std::string path = "workloads." + name;
    const bool name_fits = !name.empty() && name.size() <= kMaxNameBytes && name.front() != '-' &&
                           name.back() != '-' && std::ranges::all_of(name, [](char c) {
                             return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
                           });
    if (!name_fits) {
      problems.add(
          mark,
          fmt::format("workloads: {} is no name for a workload; write up to {} lower-case letters, digits "
                      "and -, not - at either end",
                      shown(name), kMaxNameBytes));
    }
    MapReader reader(value, kWorkloadSection, path, problems);
    if (const Value* v = reader.require("source")) {
      if (auto s = read_source(*v, reader.path_of("source"), folder, problems)) out.source = std::move(*s);
    }
    if (const Value* v = reader.get("instances")) instances(*v, reader.path_of("instances"), out);
    if (const Value* v = reader.get("limits")) out.limits = limits(*v, reader.path_of("limits"));
    if (const Value* v = reader.get("grants")) out.grants = grants(*v, reader.path_of("grants"));
    if (const Value* v = reader.get("update")) {
      out.update = read_update(*v, reader.path_of("update"), out.instances, problems);
      if (out.update.shadow && out.instances == InstancePolicy::kKept && out.instance_count > 1) {
        problems.add(v->mark(),
                     reader.path_of("update.shadow") +
                         ": a shadow is a single instance; it goes with `instances: one`, not with " +
                         std::to_string(out.instance_count));
      }
    }
    if (const Value* v = reader.get("signature")) {
      out.signature = read_signature(*v, reader.path_of("signature"), folder, problems);
    }
    if (const auto i = reader.one_of("handover", {"auto", "off"})) out.handover = *i == 0;
    if (const Value* v = reader.get("triggers")) out.triggers = triggers(*v, reader.path_of("triggers"));
    out.args = reader.text_list("args");
    environment(reader, out);
    return out;
  }

  // ---- the host ------------------------------------------------------------------------------

  Telemetry telemetry(const Value& value) {
    Telemetry out;
    MapReader reader(value, kTelemetrySection, "telemetry", problems);
    out.listen = reader.endpoint("listen");
    if (const Value* log = reader.get("log")) {
      MapReader log_reader(*log, kLogSection, "telemetry.log", problems);
      static const std::vector<std::string_view> kLevels = {"trace", "debug", "info",
                                                            "warn",  "error", "critical"};
      if (const auto i = log_reader.one_of("level", kLevels)) out.log_level = kLevels[*i];
      if (const auto i = log_reader.one_of("format", {"auto", "text", "json"})) {
        out.log_format = static_cast<LogFormat>(*i);
      }
    }
    return out;
  }

  Manifest manifest(const Value& root) {
    Manifest out;
    out.file = problems.file();
    std::vector<Key> keys(kRootSection.keys.begin(), kRootSection.keys.end());
    for (const Extension& e : options.sections)
      keys.push_back({.name = e.name, .type = "map", .fallback = "", .example = "", .text = ""});
    const Section known{kRootSection.path, kRootSection.text, keys};
    MapReader reader(root, known, "manifest", problems);
    if (const Value* v = reader.require("workloads")) {
      if (!v->is_map() || v->entries().empty()) {
        problems.add(v->mark(),
                     "workloads: expected at least one workload; write {NAME: {source: \"file:NAME.wasm\"}}");
      } else if (v->entries().size() > kMaxWorkloads) {
        problems.add(
            v->entries()[kMaxWorkloads].key_mark,
            fmt::format("workloads: {} of them; one host runs up to {}", v->entries().size(), kMaxWorkloads));
      } else {
        for (const Value::Entry& entry : v->entries()) {
          out.workloads.push_back(workload(entry.key, entry.key_mark, entry.value));
        }
      }
    }
    if (const Value* v = reader.get("telemetry")) out.telemetry = telemetry(*v);
    if (const Value* v = reader.get("store")) out.store = read_store(*v, folder, problems);
    if (const Value* v = reader.get("registries")) out.registries = read_registries(*v, folder, problems);
    for (const Extension& e : options.sections) {
      const auto entry = std::ranges::find(root.entries(), e.name, &Value::Entry::key);
      if (entry == root.entries().end()) continue;
      e.check(entry->value, std::string(e.name), problems);
      out.added.push_back({entry->key, entry->value, entry->key_mark});
    }
    if (const Value* v = reader.get("control")) {
      MapReader control(*v, kControlSection, "control", problems);
      if (auto socket = control.text("socket")) {
        if (socket->empty())
          control.problem(control.get("socket")->mark(), "socket",
                          "expected a path such as /run/berth/control.sock");
        else
          out.control_socket = (folder / *socket).lexically_normal();
      }
    }
    return out;
  }
};

}  // namespace

std::expected<Manifest, Problems> parse(std::string_view text, const std::string& file,
                                        const fs::path& folder, const LoadOptions& options) {
  Problems problems(file);
  const std::optional<Value> root = parse_yaml(text, problems);
  if (!root) return std::unexpected(std::move(problems));
  Parser parser{options, folder, problems};
  Manifest manifest = parser.manifest(*root);
  if (!problems.empty()) return std::unexpected(std::move(problems));
  return manifest;
}

std::expected<Manifest, Problems> load(const fs::path& file, const LoadOptions& options) {
  const auto unreadable = [&](std::string_view why) {
    Problems problems(file.string());
    problems.add({}, fmt::format("cannot read the manifest: {}; give the path of a berth.yaml", why));
    return std::unexpected(std::move(problems));
  };
  std::error_code error;
  if (const auto status = fs::status(file, error); error || !fs::exists(status)) {
    return unreadable(error ? error.message() : "no such file");
  } else if (fs::is_directory(status)) {
    return unreadable("it is a folder");
  }
  std::ifstream in(file, std::ios::binary);
  if (!in) return unreadable(std::strerror(errno));
  // One byte over the limit is enough to know.
  std::string text(kMaxManifestBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return unreadable("the read failed");
  text.resize(static_cast<std::size_t>(in.gcount()));
  return parse(text, file.string(), file.parent_path(), options);
}

}  // namespace berth::manifest
