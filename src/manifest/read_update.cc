// Reading what a manifest says about updates.
#include "manifest/read_update.h"

#include <fmt/format.h>

#include <utility>

#include "manifest/limits.h"
#include "manifest/reader.h"
#include "manifest/sections.h"

namespace berth::manifest {
namespace {

bool is_off(const Value& value) { return value.is_scalar() && value.text() == "off"; }

// "5%", "2x" or a list with one of each.
std::optional<Tolerance> read_tolerance(const Value& value, const std::string& path, Problems& problems) {
  if (is_off(value)) return std::nullopt;
  Tolerance out;
  const auto one = [&](const Value& item, const std::string& at) {
    static constexpr std::string_view kForms = "write a percentage such as 5%, a factor such as 2x, or off";
    if (!item.is_scalar()) {
      problems.add(item.mark(), fmt::format("{}: expected a percentage or a factor; {}", at, kForms));
      return;
    }
    const bool factor = item.text().ends_with('x');
    const auto parsed = factor ? parse_factor(item.text()) : parse_percent(item.text());
    if (!parsed) {
      problems.add(item.mark(), factor || item.text().ends_with('%')
                                    ? fmt::format("{}: {}", at, parsed.error().message())
                                    : fmt::format("{}: {} is neither; {}", at, shown(item.text()), kForms));
      return;
    }
    std::optional<double>& field = factor ? out.factor : out.more;
    if (field) {
      problems.add(item.mark(), fmt::format("{}: a second {}; a list has one percentage and one factor", at,
                                            factor ? "factor" : "percentage"));
    }
    field = *parsed;
  };
  if (!value.is_list()) {
    one(value, path);
    return out;
  }
  if (value.items().empty()) {
    problems.add(value.mark(), fmt::format("{}: the list is empty; write off to judge nothing", path));
  }
  for (std::size_t i = 0; i < value.items().size(); ++i) {
    one(value.items()[i], fmt::format("{}[{}]", path, i));
  }
  return out;
}

double share(MapReader& reader, double fallback) {
  const auto percent = reader.percent("percent");
  if (percent && *percent <= 0) {
    reader.problem(reader.get("percent")->mark(), "percent",
                   "nothing would be tried; write a share above 0%, or off");
  }
  return percent.value_or(fallback);
}

Canary read_canary(const Value& value, const std::string& path, Problems& problems) {
  MapReader reader(value, kCanarySection, path, problems);
  Canary out;
  out.percent = share(reader, out.percent);
  out.time = reader.duration("for", kMinTrial, kMaxTrial).value_or(out.time);
  if (const auto i = reader.one_of("by", {"random", "key"}))
    out.by = *i == 0 ? CanaryBy::kRandom : CanaryBy::kKey;
  return out;
}

Shadow read_shadow(const Value& value, const std::string& path, InstancePolicy instances,
                   Problems& problems) {
  MapReader reader(value, kShadowSection, path, problems);
  Shadow out;
  out.percent = share(reader, out.percent);
  if (instances == InstancePolicy::kKept && out.percent != 1) {
    reader.problem(
        reader.get("percent")->mark(), "percent",
        "with `instances: one` the shadow keeps state, and needs every call to keep it right; leave "
        "percent out");
  }
  out.time = reader.duration("for", kMinTrial, kMaxTrial).value_or(out.time);
  out.differ = reader.percent("differ").value_or(out.differ);
  return out;
}

Rollback read_rollback(const Value& value, const std::string& path, Problems& problems) {
  MapReader reader(value, kRollbackSection, path, problems);
  Rollback out;
  if (const Value* v = reader.get("errors"))
    out.errors = read_tolerance(*v, reader.path_of("errors"), problems);
  if (const Value* v = reader.get("latency")) {
    out.latency = read_tolerance(*v, reader.path_of("latency"), problems);
  }
  if (!out.errors && !out.latency) {
    problems.add(value.mark(), path + ": neither errors nor latency decides; write `rollback: off`");
  }
  out.within = reader.duration("within", kMinTrial, kMaxTrial).value_or(out.within);
  if (const auto n = reader.integer("min-calls", 1, kMaxMinCalls))
    out.min_calls = static_cast<std::uint64_t>(*n);
  return out;
}

void read_times(MapReader& reader, Update& out) {
  if (const Value* v = reader.get("every"); v != nullptr && !is_off(*v)) {
    out.every = reader.duration("every", kMinEvery, kMaxEvery).value_or(out.every);
  }
  out.jitter = reader.duration("jitter", milliseconds(0), kMaxEvery).value_or(out.jitter);
  out.backoff = reader.duration("backoff", kMinEvery, kMaxEvery).value_or(out.backoff);
  if (out.jitter.count() > 0 && out.every.count() == 0) {
    reader.problem(reader.get("jitter")->mark(), "jitter", "means nothing without every; write every too");
  }
}

}  // namespace

Update read_update(const Value& value, const std::string& path, InstancePolicy instances,
                   Problems& problems) {
  MapReader reader(value, kUpdateSection, path, problems);
  Update out;
  out.watch = reader.boolean("watch").value_or(out.watch);
  out.drain = reader.duration("drain", milliseconds(0), kMaxWait).value_or(out.drain);
  read_times(reader, out);
  const Value* trial = nullptr;
  std::string_view trial_key;
  if (const Value* v = reader.get("shadow"); v != nullptr && !is_off(*v)) {
    out.shadow = read_shadow(*v, reader.path_of("shadow"), instances, problems);
    trial = v;
    trial_key = "shadow";
  }
  if (const Value* v = reader.get("canary"); v != nullptr && !is_off(*v)) {
    out.canary = read_canary(*v, reader.path_of("canary"), problems);
    trial = v;
    trial_key = "canary";
    if (instances == InstancePolicy::kKept) {
      reader.problem(
          v->mark(), "canary",
          "where instances keep state a share of the calls would see a share of the state; leave it out (a "
          "version is watched and rolled back all the same), or write a shadow");
    }
  }
  if (const Value* v = reader.get("rollback")) {
    out.rollback =
        is_off(*v) ? std::nullopt : std::optional(read_rollback(*v, reader.path_of("rollback"), problems));
    if (!out.rollback && trial != nullptr) {
      reader.problem(trial->mark(), trial_key,
                     "rollback is off, so nothing would judge it; leave rollback on");
    }
  }
  out.hold = reader.boolean("hold").value_or(out.hold);
  if (const auto i = reader.one_of("downgrade", {"refuse", "allow"})) out.allow_downgrade = *i == 1;
  return out;
}

}  // namespace berth::manifest
