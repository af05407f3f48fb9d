// The trigger `gather`: sources from triggers, the agent as RunningTriggers.
#include "cli/gather_trigger.h"

#include <algorithm>
#include <utility>

#include "applications/gather/native/agent.h"
#include "applications/gather/native/component_gatherers.h"
#include "cli/kube_client.h"
#include "cli/status_json.h"
#include "manifest/problems.h"

namespace berth::cli {
namespace {

Json to_json(const gather::AgentStatus& status) {
  Json out = {{"gathering", status.gathering},
              {"archives", status.archives},
              {"archive_bytes", status.archive_bytes}};
  if (status.next) out["next"] = time_text(*status.next);
  if (!status.error.empty()) out["error"] = status.error;
  if (!status.rules.empty()) out["rules"] = status.rules;
  if (!status.rules_problem.empty()) out["rules_problem"] = status.rules_problem;
  if (status.last) {
    out["last"] = {{"began", time_text(status.last->began)},
                   {"archive", status.last->archive},
                   {"records", status.last->records},
                   {"record_bytes", status.last->bytes},
                   {"gatherers", status.last->gatherers},
                   {"failed", status.last->failed},
                   {"duration_ms", status.last->duration.count()}};
  }
  if (status.uploads) {
    const gather::AgentStatus::Uploads& u = *status.uploads;
    out["uploads"] = {{"sent", u.sent},
                      {"failed", u.failed},
                      {"failed_in_a_row", u.failed_in_a_row},
                      {"degraded", u.degraded}};
    if (!u.error.empty()) out["uploads"]["error"] = u.error;
    if (u.last) out["uploads"]["last"] = time_text(*u.last);
    if (u.next) out["uploads"]["next"] = time_text(*u.next);
  }
  return out;
}

class GatherTriggers final : public RunningTriggers {
 public:
  explicit GatherTriggers(std::unique_ptr<gather::Agent> agent) : agent_(std::move(agent)) {}
  [[nodiscard]] std::vector<std::string> addresses() const override { return {}; }
  [[nodiscard]] Json status() const override { return to_json(agent_->status()); }
  void stop(std::chrono::milliseconds drain) override { agent_->stop(drain); }

 private:
  std::unique_ptr<gather::Agent> agent_;
};

Result<std::unique_ptr<RunningTriggers>> start(const std::vector<TriggerSpec>& specs,
                                               const TriggerServices& services) {
  auto agent = gather::Agent::start(*gather_settings(services.manifest), BERTH_TRY(gather_sources(specs)),
                                    {.io = services.io,
                                     .log = services.log,
                                     .metrics = services.metrics,
                                     .cluster = gathered_cluster(services.manifest, services.metrics)});
  if (!agent) return fail(std::move(agent).error().context("the section gather"));
  return std::make_unique<GatherTriggers>(*std::move(agent));
}

}  // namespace

TriggerKind gather_trigger() {
  return {.extension = gather::trigger_extension(),
          .interface = gather::kGatherersInterface,
          .binder = [](std::span<const manifest::Trigger>, const std::string&) -> Result<host::Binder> {
            return gather::gatherers_binder();
          },
          .start = start,
          .grant = gather::records_grant(),
          .section = "gather"};
}

std::optional<gather::Settings> gather_settings(const manifest::Manifest& manifest) {
  const auto found = std::ranges::find(manifest.added, "gather", &manifest::Added::name);
  if (found == manifest.added.end()) return std::nullopt;
  manifest::Problems problems(manifest.file);
  return gather::read_settings(found->value, found->name, problems);
}

Result<std::vector<gather::Source>> gather_sources(const std::vector<TriggerSpec>& specs) {
  std::vector<gather::Source> out;
  for (const TriggerSpec& spec : specs) {
    manifest::Problems problems(spec.at.file);
    auto trigger = gather::read_trigger(*spec.value, "gather", problems);
    if (!trigger) return fail(problems.to_error());
    out.push_back({.workload = spec.workload->spec().name,
                   .gatherers = BERTH_TRY(host::Typed<gather::Gatherers>::of(spec.workload)),
                   .only = std::move(trigger->only),
                   .parameters = std::move(trigger->parameters),
                   .every = trigger->every});
  }
  return out;
}

}  // namespace berth::cli
