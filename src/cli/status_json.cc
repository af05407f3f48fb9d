// Status to JSON and JSON to a table.
#include "cli/status_json.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "cli/client.h"
#include "cli/output.h"
#include "telemetry/workload_metrics.h"

namespace berth::cli {
namespace {

constexpr std::size_t kShortDigits = 12;

double milliseconds_of(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

Json version_json(const host::VersionStatus& v) {
  return {{"digest", v.digest},
          {"source", v.source},
          {"tier", host::tier_name(v.tier)},
          {"since", time_text(v.since)},
          {"running", v.running},
          {"instances", v.instances},
          {"memory_bytes", v.memory_bytes}};
}

Json calls_json(const host::CallCounts& counts) {
  Json calls = Json::object();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    calls[std::string(telemetry::outcome_name(static_cast<telemetry::CallOutcome>(i)))] = counts[i];
  }
  return calls;
}

std::uint64_t count_at(const Json& object, const char* pointer) {
  const Json::json_pointer path(pointer);
  return object.contains(path) && object.at(path).is_number_unsigned() ? object.at(path).get<std::uint64_t>()
                                                                       : 0;
}

double number_at(const Json& object, const char* pointer) {
  const Json::json_pointer path(pointer);
  return object.contains(path) && object.at(path).is_number() ? object.at(path).get<double>() : 0;
}

// "serving, canary sha256:1234 gets 10%, 1 draining"
std::string state_text(const Json& workload) {
  if (text_at(workload, "/stopped") == "true") return "stopped";
  std::string out = "serving";
  if (workload.contains("canary")) {
    out += fmt::format(", canary {} gets {:.3g}%", short_digest(text_at(workload, "/canary/digest")),
                       number_at(workload, "/canary/share") * 100);
  }
  if (workload.contains("shadow")) {
    out += fmt::format(", shadow {} agrees on {} of {}", short_digest(text_at(workload, "/shadow/digest")),
                       count_at(workload, "/shadow/equal"),
                       count_at(workload, "/shadow/equal") + count_at(workload, "/shadow/different") +
                           count_at(workload, "/shadow/failed"));
  }
  const std::size_t draining = workload.contains("draining") ? workload["draining"].size() : 0;
  if (draining > 0) out += fmt::format(", {} draining", draining);
  return out;
}

std::string size_text(std::uint64_t bytes) {
  if (bytes >= 1024 * 1024) return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1024 * 1024));
  if (bytes >= 1024) return fmt::format("{:.1f} KiB", static_cast<double>(bytes) / 1024);
  return fmt::format("{} B", bytes);
}

std::string gather_text(const Json& gather) {
  std::string out = text_at(gather, "/gathering") == "true"
                        ? "gather: gathering now"
                        : fmt::format("gather: next at {}", text_at(gather, "/next"));
  if (gather.contains("last")) {
    const std::size_t failed = gather["last"].contains("failed") ? gather["last"]["failed"].size() : 0;
    out += fmt::format(", last {} with {} records by {} gatherers{}", text_at(gather, "/last/archive"),
                       text_at(gather, "/last/records"), text_at(gather, "/last/gatherers"),
                       failed > 0 ? fmt::format(", {} failed", failed) : "");
  }
  out += fmt::format(", {} archives kept ({})\n", text_at(gather, "/archives"),
                     size_text(count_at(gather, "/archive_bytes")));
  if (const std::string error = text_at(gather, "/error"); !error.empty())
    out += fmt::format("gather: the last archive was not written: {}\n", error);
  if (const std::string problem = text_at(gather, "/rules_problem"); !problem.empty())
    out += fmt::format("gather: the rules that are built in hold: {}\n", problem);
  if (!gather.contains("uploads")) return out;
  out +=
      fmt::format("gather: {}{} uploaded", text_at(gather, "/uploads/degraded") == "true" ? "degraded, " : "",
                  text_at(gather, "/uploads/sent"));
  if (const std::string last = text_at(gather, "/uploads/last"); !last.empty())
    out += fmt::format(", last at {}", last);
  if (const std::uint64_t failures = count_at(gather, "/uploads/failed_in_a_row"); failures > 0) {
    out += fmt::format(", {} failures in a row", failures);
    if (const std::string next = text_at(gather, "/uploads/next"); !next.empty())
      out += fmt::format(", next try at {}", next);
    out += ": " + text_at(gather, "/uploads/error");
  }
  return out + "\n";
}

}  // namespace

std::string time_text(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

std::string short_digest(std::string_view digest) {
  const std::size_t colon = digest.find(':');
  const std::size_t from = colon == std::string_view::npos ? 0 : colon + 1;
  return std::string(digest.substr(0, from + kShortDigits));
}

std::string update_text(std::string_view workload, const Json& update) {
  const std::string state = text_at(update, "/state");
  std::string out = fmt::format("{}: update {} since {}", workload, state, text_at(update, "/since"));
  if (const std::string candidate = text_at(update, "/candidate"); !candidate.empty())
    out += fmt::format(", candidate {}", short_digest(candidate));
  if (const std::string good = text_at(update, "/last_good"); !good.empty())
    out += fmt::format(", last good {}", short_digest(good));
  if (const std::string pinned = text_at(update, "/pinned"); !pinned.empty())
    out += fmt::format(", pinned to {}", short_digest(pinned));
  if (const std::string ends = text_at(update, "/trial_ends"); !ends.empty())
    out += fmt::format(", judged until {}", ends);
  if (const std::string next = text_at(update, "/next_look"); !next.empty())
    out += fmt::format(", next look at {}", next);
  if (const std::string reason = text_at(update, "/reason"); !reason.empty())
    out += fmt::format(": {}", reason);
  return out + "\n";
}

std::string history_text(const Json& answer) {
  std::vector<std::vector<std::string>> rows = {{"VERSION", "STATE", "SINCE", "FROM, OR WHY"}};
  const std::string running = text_at(answer, "/running");
  const std::string pinned = text_at(answer, "/pinned");
  const auto row = [&](const Json& version, std::string state, const char* what) {
    const std::string digest = text_at(version, "/digest");
    if (digest == running) state += ", running";
    if (digest == pinned) state += ", pinned";
    rows.push_back({digest, std::move(state), text_at(version, "/since"), text_at(version, what)});
  };
  const auto list = [&](const char* key) {
    const auto found = answer.find(key);
    return found != answer.end() && found->is_array() ? *found : Json::array();
  };
  if (const auto held = answer.find("held"); held != answer.end() && held->is_object())
    row(*held, "held", "/reason");
  const Json good = list("good");
  if (std::ranges::none_of(good, [&](const Json& g) { return text_at(g, "/digest") == running; }))
    rows.push_back({running, "running, not known to be good", "", text_at(answer, "/source")});
  for (const Json& version : good) row(version, "good", "/reference");
  for (const Json& version : list("refused")) row(version, "shut out", "/reason");
  return table(rows);
}

Json to_json(const host::SwapReport& report) {
  Json out = {{"from", report.from},
              {"to", report.to},
              {"ok", report.ok},
              {"at", time_text(report.at)},
              {"prepared_ms", milliseconds_of(report.prepared_in)},
              {"pause_ms", milliseconds_of(report.pause)},
              {"draining", report.draining}};
  if (report.handed_over) out["handed_over_bytes"] = *report.handed_over;
  if (!report.error.empty()) out["error"] = report.error;
  if (!report.rolled_back.empty()) {
    out["rolled_back"] = report.rolled_back;
    out["earlier_state"] = report.earlier_state;
  }
  return out;
}

Json to_json(const host::UpdateStatus& status) {
  Json out = {{"state", host::state_name(status.state)},
              {"since", time_text(status.since)},
              {"reason", status.reason},
              {"running", status.running},
              {"candidate", status.candidate},
              {"last_good", status.last_good},
              {"pinned", status.pinned},
              {"more_imports", status.more_imports},
              {"shut_out", Json::array()},
              {"failures", status.failures}};
  for (const host::ShutOut& s : status.shut_out) {
    out["shut_out"].push_back({{"digest", s.digest}, {"reason", s.reason}, {"at", time_text(s.at)}});
  }
  if (status.trial_ends) out["trial_ends"] = time_text(*status.trial_ends);
  if (status.next_look) out["next_look"] = time_text(*status.next_look);
  return out;
}

Json to_json(const host::WorkloadStatus& status) {
  Json out = {{"name", status.name},
              {"stopped", status.stopped},
              {"version", version_json(status.current)},
              {"draining", Json::array()},
              {"calls", calls_json(status.calls)},
              {"busy", status.busy},
              {"queued", status.queued},
              {"swaps", {{"ok", status.swaps_ok}, {"failed", status.swaps_failed}}}};
  for (const host::VersionStatus& v : status.draining) out["draining"].push_back(version_json(v));
  if (status.canary) {
    out["canary"] = version_json(status.canary->version);
    out["canary"]["share"] = status.canary->share;
    out["canary"]["calls"] = calls_json(status.canary->calls);
  }
  if (status.shadow) {
    const host::ShadowStatus& s = *status.shadow;
    out["shadow"] = {{"digest", s.digest},   {"since", time_text(s.since)}, {"share", s.share},
                     {"equal", s.equal},     {"different", s.different},    {"failed", s.failed},
                     {"skipped", s.skipped}, {"waiting", s.waiting},        {"out_of_step", s.out_of_step}};
  }
  if (!status.way_back.empty()) out["way_back"] = status.way_back;
  if (status.last_swap) out["last_swap"] = to_json(*status.last_swap);
  if (status.last_error) {
    out["last_error"] = {{"at", time_text(status.last_error->at)},
                         {"message", status.last_error->message},
                         {"detail", status.last_error->detail}};
  }
  return out;
}

std::string status_text(const Json& answer) {
  std::vector<std::vector<std::string>> rows = {{"WORKLOAD", "VERSION", "TIER", "STATE", "CALLS", "FAILED",
                                                 "BUSY", "RUNNING", "QUEUED", "INSTANCES", "MEMORY",
                                                 "SWAPS"}};
  std::string notes;
  const auto workloads = answer.find("workloads");
  if (workloads == answer.end() || !workloads->is_array()) return "the host's answer has no workloads\n";
  for (const Json& w : *workloads) {
    std::uint64_t calls = 0;
    if (const auto by_outcome = w.find("calls"); by_outcome != w.end()) {
      for (const auto& [outcome, count] : by_outcome->items()) {
        if (count.is_number_unsigned()) calls += count.get<std::uint64_t>();
      }
    }
    const std::uint64_t failed = count_at(w, "/swaps/failed");
    rows.push_back({text_at(w, "/name"), short_digest(text_at(w, "/version/digest")),
                    text_at(w, "/version/tier"), state_text(w), std::to_string(calls),
                    std::to_string(calls - count_at(w, "/calls/ok")), text_at(w, "/busy"),
                    text_at(w, "/version/running"), text_at(w, "/queued"), text_at(w, "/version/instances"),
                    size_text(count_at(w, "/version/memory_bytes")),
                    text_at(w, "/swaps/ok") + (failed > 0 ? fmt::format(" ({} failed)", failed) : "")});
    if (const std::string error = text_at(w, "/last_error/message"); !error.empty()) {
      notes +=
          fmt::format("{}: last error at {}: {}\n", text_at(w, "/name"), text_at(w, "/last_error/at"), error);
    }
    const auto update = w.find("update");
    const bool quiet = text_at(w, "/update/state") == "idle" && text_at(w, "/update/reason").empty() &&
                       text_at(w, "/update/pinned").empty();
    if (update != w.end() && !quiet) notes += update_text(text_at(w, "/name"), *update);
    if (text_at(w, "/last_swap/ok") == "false") {
      notes += fmt::format("{}: last swap at {} failed: {}\n", text_at(w, "/name"),
                           text_at(w, "/last_swap/at"), text_at(w, "/last_swap/error"));
    }
  }
  if (const auto gather = answer.find("gather"); gather != answer.end()) notes += gather_text(*gather);
  return table(rows) + notes;
}

std::string swap_text(const Json& report) {
  const auto pause = report.find("pause_ms");
  std::string out = fmt::format("swapped {} -> {} in {:.1f} ms pause", short_digest(text_at(report, "/from")),
                                short_digest(text_at(report, "/to")),
                                pause != report.end() && pause->is_number() ? pause->get<double>() : 0.0);
  if (report.contains("handed_over_bytes")) {
    out += fmt::format(", {} of state handed over", size_text(count_at(report, "/handed_over_bytes")));
  }
  if (const std::uint64_t n = count_at(report, "/draining"); n > 0)
    out += fmt::format(", {} calls draining", n);
  return out;
}

}  // namespace berth::cli
