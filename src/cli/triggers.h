// Triggers: what calls workloads, as the applications of this build provide it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cli/control.h"
#include "host/capability.h"
#include "host/component/binder.h"
#include "host/workload.h"
#include "manifest/manifest.h"
#include "manifest/schema.h"
#include "net/io_context.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace berth::cli {

// What a trigger may use of the process. References outlive every trigger.
struct TriggerServices {
  net::IoContext& io;
  telemetry::Logger& log;
  telemetry::Metrics& metrics;
  const manifest::Manifest& manifest;
};

// One workload with one trigger of its manifest.
struct TriggerSpec {
  std::shared_ptr<host::Workload> workload;
  const manifest::Value* value = nullptr;  // outlives the trigger
  Position at;                             // where it stands
};

// Triggers that serve.
// Thread-safe.
class RunningTriggers {
 public:
  virtual ~RunningTriggers() = default;
  // Where they are reached, for a person: "http://127.0.0.1:3500/v1.0/state/store".
  [[nodiscard]] virtual std::vector<std::string> addresses() const = 0;
  // What `berth status` shows of it, under the kind's name; null: nothing.
  [[nodiscard]] virtual Json status() const { return nullptr; }
  // Takes no new calls and waits for those in progress, for at most `drain`. Blocks.
  virtual void stop(std::chrono::milliseconds drain) = 0;
};

// One kind of trigger. Immutable.
struct TriggerKind {
  manifest::Extension extension;
  // What a component must export, "ns:pkg/name@1.0.0"; a constant.
  std::string_view interface;
  // How the exports of a workload with these triggers of the kind are bound.
  std::function<Result<host::Binder>(std::span<const manifest::Trigger>, const std::string& file)> binder;
  // Starts all triggers of this kind together: several may share an address. Blocks.
  std::function<Result<std::unique_ptr<RunningTriggers>>(const std::vector<TriggerSpec>&,
                                                         const TriggerServices&)>
      start;
  // What a workload has because it has such a trigger; may be null.
  std::shared_ptr<const host::Grant> grant = nullptr;
  // The section of the top level without which it does not start; empty: none.
  std::string_view section = {};

  // What is wrong where that section is missing; empty: nothing.
  [[nodiscard]] std::string missing_section(const manifest::Manifest& manifest) const;
};

// Every kind of this build, and the sections of the top level that their applications have.
[[nodiscard]] std::vector<TriggerKind> all_trigger_kinds();
[[nodiscard]] std::vector<manifest::Extension> all_sections();

}  // namespace berth::cli
