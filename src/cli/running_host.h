// RunningHost: a manifest, running.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cli/control.h"
#include "cli/known.h"
#include "cli/triggers.h"
#include "cli/updater.h"
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

// Owns the engine, the host, its workloads, their triggers and watchers, /metrics and the control
// socket. Every failure of start() ends what was begun.
// Thread-safe.
class RunningHost final {
 public:
  // `manifest`, `known` and `log` outlive it. Blocks while components compile. Fails with the first
  // workload's or trigger's error, at its place in the manifest.
  [[nodiscard]] static Result<std::unique_ptr<RunningHost>> start(const manifest::Manifest& manifest,
                                                                  const Known& known, telemetry::Logger& log);
  // stop().
  ~RunningHost();
  RunningHost(const RunningHost&) = delete;
  RunningHost& operator=(const RunningHost&) = delete;

  // Takes no new calls, lets those in progress finish within the workloads' drain time, cancels the
  // rest. Blocks.
  void stop();

 private:
  struct Served {
    const manifest::Workload* spec = nullptr;
    host::LoadRequest request;
    std::shared_ptr<host::Workload> workload;
    std::unique_ptr<Updater> updater;             // null without `watch`
    std::mutex updating;                          // one load and swap at a time
    std::shared_ptr<telemetry::Counter> refused;  // the workload's failed swaps: a load that failed is one
    std::mutex mutex;                             // guards last_refused
    Json last_refused;                            // null, or when, which file and why
  };

  RunningHost(const manifest::Manifest& manifest, const Known& known, telemetry::Logger& log);
  Result<> begin();
  Result<> start_engine();
  Result<> start_workload(const manifest::Workload& spec);
  Result<host::Grants> make_grants(const manifest::Workload& spec);
  Result<host::Binder> binder_for(const manifest::Workload& spec);
  Result<> start_triggers();
  Result<> serve_telemetry();
  Result<> serve_control();
  Result<host::SwapReport> swap(Served& served, const std::filesystem::path& file);
  struct Next {
    artifact::Artifact artifact;
    std::shared_ptr<const host::Version> version;  // nullptr when the file holds what already serves
  };
  Result<Next> load_next(Served& served, const std::filesystem::path& file);
  // Quick code that serves now is replaced by good code later.
  void improve_later(Served& served, const host::Version& version, artifact::Artifact artifact);
  void improved(const host::ImproverReport& report);

  // The control socket's methods.
  Result<Json> on_status();
  Result<Json> on_swap(const Json& params);
  Result<Json> on_logs(const Json& params);

  const manifest::Manifest& manifest_;
  const Known& known_;
  telemetry::Logger& log_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  telemetry::Metrics metrics_;
  std::atomic<bool> ready_ = false;
  std::once_flag stopped_;

  // In the order in which they are made; destroyed the other way round.
  std::shared_ptr<const abi::Engine> engine_;
  std::unique_ptr<net::IoContext> io_;
  std::unique_ptr<host::Tiers> tiers_;
  std::unique_ptr<host::Loader> loader_;
  std::unique_ptr<host::Host> host_;
  std::unique_ptr<host::Improver> improver_;
  std::map<std::string, Served, std::less<>> served_;  // complete before anybody else looks
  std::vector<std::unique_ptr<RunningTriggers>> triggers_;
  net::HttpRouter router_;
  std::unique_ptr<net::HttpServer> telemetry_server_;
  std::unique_ptr<ControlServer> control_;
};

}  // namespace berth::cli
