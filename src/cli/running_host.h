// RunningHost: a manifest, running.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "artifact/store/store.h"
#include "base/error.h"
#include "base/file_system.h"
#include "capabilities/grants/services.h"
#include "cli/control.h"
#include "cli/kept_code.h"
#include "cli/known.h"
#include "cli/served.h"
#include "cli/triggers.h"
#include "host/component/improver.h"
#include "host/component/loader.h"
#include "host/component/tiers.h"
#include "host/host.h"
#include "manifest/manifest.h"
#include "net/http_router.h"
#include "net/http_server.h"
#include "net/io_context.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace berth::cli {

struct RunOptions {
  bool listens = true;  // triggers, /metrics, the control socket
  // Called once, before it listens: whoever wants it to end calls stop() from now on, because callers may
  // have come.
  std::function<void()> serves = [] {};
  grants::Use use = grants::Use::kCalls;
  // The program that compiles components (host/component/compiler.h): itself, where it is berth.
  std::filesystem::path compiler = host::CompilerOptions().program;
};

[[nodiscard]] telemetry::LogOptions log_options(const manifest::Telemetry& telemetry);

// Owns the store, the engine, the host, its workloads with their updates and triggers, /metrics and the
// control socket. Every failure of start() ends what was begun. Thread-safe.
class RunningHost final {
 public:
  // `manifest`, `known` and `log` outlive it. Blocks while components compile. Fails with the first
  // workload's or trigger's error, at its place in the manifest.
  [[nodiscard]] static Result<std::unique_ptr<RunningHost>> start(const manifest::Manifest& manifest,
                                                                  const Known& known, telemetry::Logger& log,
                                                                  RunOptions options = {});
  // stop().
  ~RunningHost();
  RunningHost(const RunningHost&) = delete;
  RunningHost& operator=(const RunningHost&) = delete;

  // Takes no new calls, lets those in progress finish within the workloads' drain time, cancels the
  // rest. Blocks.
  void stop();

  // kNotFound names the nearest.
  [[nodiscard]] Result<Served*> workload(std::string_view name);
  [[nodiscard]] net::IoContext& io() { return *io_; }
  // Every trigger of the kind, with its workload.
  [[nodiscard]] std::vector<TriggerSpec> triggers_of(std::string_view kind) const;

 private:
  RunningHost(const manifest::Manifest& manifest, const Known& known, telemetry::Logger& log,
              RunOptions options);
  Result<> begin();
  Result<> open_store();
  Result<> start_engine();
  Result<> start_workload(const manifest::Workload& spec);
  Result<host::Grants> make_grants(const manifest::Workload& spec);
  Result<host::Binder> binder_for(const manifest::Workload& spec);
  Result<> start_triggers();
  Result<> serve_telemetry();
  Result<> serve_control();
  void improved(const host::ImproverReport& report);

  // The control socket's methods.
  Result<Json> on_status();
  Result<Json> on_logs(const Json& params);

  const manifest::Manifest& manifest_;
  const Known& known_;
  telemetry::Logger& log_;
  const RunOptions options_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  telemetry::Metrics metrics_;
  std::atomic<bool> ready_ = false;
  std::once_flag stopped_;

  // In the order in which they are made; destroyed the other way round.
  SystemFiles files_;
  std::optional<artifact::Store> store_;
  std::optional<KeptCode> kept_code_;
  std::shared_ptr<const abi::Engine> engine_;
  std::unique_ptr<net::IoContext> io_;
  std::unique_ptr<net::IoContext> workers_;  // what blocks: fetching, compiling, publishing
  std::unique_ptr<host::Tiers> tiers_;
  std::unique_ptr<host::Loader> loader_;
  std::unique_ptr<host::Host> host_;
  std::unique_ptr<host::Improver> improver_;
  std::map<std::string, std::unique_ptr<Served>, std::less<>> served_;  // complete before anybody else looks
  std::map<std::string, std::unique_ptr<RunningTriggers>, std::less<>> triggers_;  // by kind
  net::HttpRouter router_;
  std::unique_ptr<net::HttpServer> telemetry_server_;
  std::unique_ptr<ControlServer> control_;
};

}  // namespace berth::cli
