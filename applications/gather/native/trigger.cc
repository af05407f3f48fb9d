// Reading of the trigger `gather`.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "applications/gather/native/settings.h"
#include "manifest/manifest.h"
#include "manifest/reader.h"

namespace berth::gather {

namespace {

using manifest::Key;
using manifest::MapReader;
using manifest::Value;

constexpr std::array kTriggerKeys = {
    Key{"gatherers", "all or list of names", "all", "[nodes, pods]",
        "Which of the component's gatherers run. Those that are only for rules run when a rule asks."},
    Key{"parameters", "map of gatherer to map", "{}", "{logs: {tail-lines: 100}}",
        "What a gatherer is told, by its own names."},
    Key{"every", "duration", "in each period", "12h",
        "Not in each period, but when this much time has passed since the last time."},
};
constexpr manifest::Section kTriggerSection{
    .path = "triggers.gather",
    .text =
        "Runs the workload's gatherers, which it must export as berth:gather/gatherers, in each period of "
        "the section `gather`.",
    .keys = kTriggerKeys};

}  // namespace

std::optional<GatherTrigger> read_trigger(const Value& value, const std::string& path,
                                          manifest::Problems& problems) {
  const std::size_t before = problems.errors().size() + problems.more();
  MapReader reader(value, kTriggerSection, path, problems);
  GatherTrigger out;
  if (const Value* v = reader.get("gatherers"); v != nullptr && !(v->is_scalar() && v->text() == "all")) {
    if (v->is_scalar()) {
      reader.problem(v->mark(), "gatherers", "write all, or a list of names such as [nodes, pods]");
    } else {
      out.only = reader.text_list("gatherers");
      if (out.only->size() > kMaxGatherers)
        reader.problem(v->mark(), "gatherers", fmt::format("a component has at most {}", kMaxGatherers));
    }
  }
  if (const Value* v = reader.get("parameters"); v != nullptr && !v->is_null()) {
    if (!v->is_map())
      reader.problem(v->mark(), "parameters", "expected a map such as {GATHERER: {KEY: value}}");
    for (const Value::Entry& entry : v->entries()) {
      std::string json = manifest::to_json(entry.value);
      if (!entry.value.is_map() && !entry.value.is_null())
        reader.problem(entry.value.mark(), "parameters", "what a gatherer is told is a map");
      if (json.size() > kMaxParametersBytes)
        reader.problem(entry.value.mark(), "parameters",
                       fmt::format("more than {} bytes for one gatherer", kMaxParametersBytes));
      out.parameters[entry.key] = std::move(json);
    }
  }
  out.every = reader.duration("every", kMinEvery, kMaxEvery).value_or(out.every);
  if (problems.errors().size() + problems.more() > before) return std::nullopt;
  return out;
}

manifest::Extension trigger_extension() {
  return {.name = "gather",
          .section = &kTriggerSection,
          .example = "gather: {gatherers: all}",
          .check = [](const Value& value, const std::string& path, manifest::Problems& problems) {
            (void)read_trigger(value, path, problems);
          }};
}

}  // namespace berth::gather
