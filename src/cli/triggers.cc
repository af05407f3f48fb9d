// Triggers: the list, and what each application's parts are wired to.
#include "cli/triggers.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "applications/gather/native/settings.h"
#include "applications/statestore/native/component_store.h"
#include "applications/statestore/native/grpc/component_socket.h"
#include "applications/statestore/native/grpc/dapr_grpc.h"
#include "applications/statestore/native/limits.h"
#include "applications/statestore/native/purging.h"
#include "applications/statestore/native/state_servers.h"
#include "applications/statestore/native/state_trigger.h"
#include "applications/statestore/native/workload_store.h"
#include "cli/gather_trigger.h"
#include "host/call.h"
#include "manifest/problems.h"

namespace berth::cli {

namespace {

using namespace std::chrono_literals;

class StateTriggers final : public RunningTriggers {
 public:
  explicit StateTriggers(const TriggerServices& services)
      : io_(services.io), log_(services.log), servers_(services.io) {}

  Result<void> add(const TriggerSpec& spec) {
    manifest::Problems problems(spec.at.file);
    const auto trigger = statestore::read_state_trigger(*spec.value, "state", problems);
    if (!trigger) return fail(problems.to_error());
    auto typed = BERTH_TRY(host::Typed<statestore::Store>::of(spec.workload));
    const auto store = std::make_shared<statestore::WorkloadStore>(std::move(typed));
    BERTH_TRY(servers_.add(*trigger, store));
    if (purged_.insert(spec.workload.get()).second) {
      statestore::keep_purging(io_, log_, spec.workload->spec().name, store, statestore::kPurgeEvery);
    }
    if (trigger->grpc_listen) {
      auto& grpc = grpc_[trigger->grpc_listen->to_string()];
      if (!grpc.server) grpc = {*trigger->grpc_listen, std::make_unique<statestore::DaprGrpc>()};
      BERTH_TRY(grpc.server->add(trigger->store, trigger->app_id, trigger->max_body_bytes, store));
    }
    if (!trigger->component_socket.empty()) {
      const auto folder = std::filesystem::path(spec.at.file).parent_path() / trigger->component_socket;
      sockets_.push_back(BERTH_TRY(
          statestore::ComponentSocket::open(folder, trigger->store, trigger->settings,
                                            trigger->max_body_bytes, spec.workload->shards(), store)));
    }
    return {};
  }
  Result<void> start() {
    for (auto& [address, grpc] : grpc_) {
      grpc.endpoint.port = BERTH_TRY(grpc.server->listen(grpc.endpoint.host, grpc.endpoint.port));
    }
    return servers_.start();
  }
  [[nodiscard]] std::vector<std::string> addresses() const override {
    std::vector<std::string> out = servers_.addresses();
    for (const auto& [address, grpc] : grpc_) out.push_back("grpc://" + grpc.endpoint.to_string());
    for (const auto& socket : sockets_) out.push_back("unix:" + socket->path().string());
    return out;
  }
  void stop(std::chrono::milliseconds drain) override {
    const auto until = std::chrono::steady_clock::now() + drain;
    const auto left = [&] {
      const auto time =
          std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      return std::max(time, 0ms);
    };
    for (const auto& socket : sockets_) socket->stop(left());
    for (auto& [address, grpc] : grpc_) grpc.server->stop(left());
    servers_.stop(left());
  }

 private:
  struct Grpc {
    manifest::Endpoint endpoint;
    std::unique_ptr<statestore::DaprGrpc> server;
  };
  net::IoContext& io_;
  telemetry::Logger& log_;
  statestore::StateServers servers_;
  std::set<const host::Workload*> purged_;
  std::map<std::string, Grpc> grpc_;  // by address
  std::vector<std::unique_ptr<statestore::ComponentSocket>> sockets_;
};

// One instance is told one thing, whatever names it is served under.
Result<host::Binder> state_binder(std::span<const manifest::Trigger> triggers, const std::string& file) {
  std::optional<statestore::Settings> settings;
  for (const manifest::Trigger& trigger : triggers) {
    manifest::Problems problems(file);
    auto read = statestore::read_state_trigger(trigger.value, "state", problems);
    if (!read) return fail(problems.to_error());
    if (settings && *settings != read->settings) {
      return fail(Error(Code::kInvalidArgument,
                        "the state triggers of one workload have different settings; its instances get them "
                        "once, so write the same, or make it two workloads")
                      .at({file, trigger.mark.line, trigger.mark.column}));
    }
    settings = std::move(read->settings);
  }
  return statestore::store_binder(*std::move(settings));
}

TriggerKind state_trigger() {
  return {.extension = statestore::state_extension(),
          .interface = statestore::kStoreInterface,
          .binder = state_binder,
          .start = [](const std::vector<TriggerSpec>& specs,
                      const TriggerServices& services) -> Result<std::unique_ptr<RunningTriggers>> {
            auto triggers = std::make_unique<StateTriggers>(services);
            for (const TriggerSpec& spec : specs) {
              if (auto added = triggers->add(spec); !added) return fail(std::move(added).error().at(spec.at));
            }
            BERTH_TRY(triggers->start());
            return triggers;
          }};
}

}  // namespace

std::string TriggerKind::missing_section(const manifest::Manifest& manifest) const {
  if (section.empty() ||
      std::ranges::find(manifest.added, section, &manifest::Added::name) != manifest.added.end())
    return {};
  const auto sections = all_sections();
  const auto missing = std::ranges::find(sections, section, &manifest::Extension::name);
  return fmt::format("the trigger {} needs the section {} of the top level; write for example \"{}\"",
                     extension.name, section, missing->example);
}

std::vector<TriggerKind> all_trigger_kinds() { return {gather_trigger(), state_trigger()}; }
std::vector<manifest::Extension> all_sections() { return {gather::settings_extension()}; }

}  // namespace berth::cli
