// Status to JSON and JSON to a table.
#include "cli/status_json.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

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

std::uint64_t count_at(const Json& object, const char* pointer) {
  const Json::json_pointer path(pointer);
  return object.contains(path) && object.at(path).is_number_unsigned() ? object.at(path).get<std::uint64_t>()
                                                                       : 0;
}

std::string size_text(std::uint64_t bytes) {
  if (bytes >= 1024 * 1024) return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1024 * 1024));
  if (bytes >= 1024) return fmt::format("{:.1f} KiB", static_cast<double>(bytes) / 1024);
  return fmt::format("{} B", bytes);
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
  return out;
}

Json to_json(const host::WorkloadStatus& status) {
  Json calls = Json::object();
  for (std::size_t i = 0; i < status.calls.size(); ++i) {
    calls[std::string(telemetry::outcome_name(static_cast<telemetry::CallOutcome>(i)))] = status.calls[i];
  }
  Json out = {{"name", status.name},
              {"stopped", status.stopped},
              {"version", version_json(status.current)},
              {"draining", Json::array()},
              {"calls", std::move(calls)},
              {"busy", status.busy},
              {"queued", status.queued},
              {"swaps", {{"ok", status.swaps_ok}, {"failed", status.swaps_failed}}}};
  for (const host::VersionStatus& v : status.draining) out["draining"].push_back(version_json(v));
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
    const std::size_t draining = w.contains("draining") ? w["draining"].size() : 0;
    const std::string state = text_at(w, "/stopped") == "true" ? "stopped"
                              : draining > 0                   ? fmt::format("serving, {} draining", draining)
                                                               : "serving";
    const std::uint64_t failed = count_at(w, "/swaps/failed");
    rows.push_back({text_at(w, "/name"), short_digest(text_at(w, "/version/digest")),
                    text_at(w, "/version/tier"), state, std::to_string(calls),
                    std::to_string(calls - count_at(w, "/calls/ok")), text_at(w, "/busy"),
                    text_at(w, "/version/running"), text_at(w, "/queued"), text_at(w, "/version/instances"),
                    size_text(count_at(w, "/version/memory_bytes")),
                    text_at(w, "/swaps/ok") + (failed > 0 ? fmt::format(" ({} failed)", failed) : "")});
    if (const std::string error = text_at(w, "/last_error/message"); !error.empty()) {
      notes +=
          fmt::format("{}: last error at {}: {}\n", text_at(w, "/name"), text_at(w, "/last_error/at"), error);
    }
    if (const std::string error = text_at(w, "/last_refused/error"); !error.empty()) {
      notes += fmt::format("{}: {} was refused at {}: {}\n", text_at(w, "/name"),
                           text_at(w, "/last_refused/file"), text_at(w, "/last_refused/at"), error);
    }
    if (text_at(w, "/last_swap/ok") == "false") {
      notes += fmt::format("{}: last swap at {} failed: {}\n", text_at(w, "/name"),
                           text_at(w, "/last_swap/at"), text_at(w, "/last_swap/error"));
    }
  }
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
