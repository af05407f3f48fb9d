// RunningHost: starting what a manifest says, in order, and stopping it in the other order.
#include "cli/running_host.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "abi/engine.h"
#include "artifact/file_source.h"
#include "capabilities/registry/registry.h"
#include "cli/commands.h"
#include "cli/limits.h"
#include "cli/status_json.h"
#include "telemetry/workload_metrics.h"

namespace berth::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Versions of one workload alive at once for the size of the engine's pool: the one that serves, the
// next one, and one that drains.
constexpr std::uint64_t kPooledVersions = 3;
// Core instances in one component: its own, the adapter's and the shims between them.
constexpr std::uint64_t kCoreInstances = 4;
// The pool only reserves addresses for them.
constexpr std::uint64_t kMinPooled = 64;
constexpr std::uint64_t kMaxPooled = 100'000;
// A process has 128 TiB of addresses; the pool may have an eighth of them.
constexpr std::uint64_t kMaxReservedBytes = std::uint64_t{16} << 40;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

host::InstancePolicy policy_of(const manifest::Workload& w) {
  switch (w.instances) {
    case manifest::InstancePolicy::kFresh: return host::InstancePolicy::fresh();
    case manifest::InstancePolicy::kOne: return host::InstancePolicy::one();
    case manifest::InstancePolicy::kPool: return host::InstancePolicy::pool(w.pool_size);
  }
  return host::InstancePolicy::fresh();
}

host::WorkloadLimits limits_of(const manifest::Limits& limits) {
  return {.memory_bytes = limits.memory_bytes,
          .table_elements = limits.table_elements,
          .core_instances = limits.core_instances,
          .call = limits.call,
          .concurrency = limits.concurrency,
          .queue = limits.queue};
}

std::uint64_t instances_of(const manifest::Workload& w) {
  switch (w.instances) {
    case manifest::InstancePolicy::kFresh: return w.limits.concurrency;
    case manifest::InstancePolicy::kOne: return 1;
    case manifest::InstancePolicy::kPool: return w.pool_size;
  }
  return 1;
}

}  // namespace

Result<std::unique_ptr<RunningHost>> RunningHost::start(const manifest::Manifest& manifest,
                                                        const Known& known, telemetry::Logger& log) {
  std::unique_ptr<RunningHost> out(new RunningHost(manifest, known, log));
  BERTH_TRY(out->begin());
  return out;
}

RunningHost::RunningHost(const manifest::Manifest& manifest, const Known& known, telemetry::Logger& log)
    : manifest_(manifest), known_(known), log_(log) {}

RunningHost::~RunningHost() { stop(); }

Result<> RunningHost::begin() {
  BERTH_TRY(start_engine());
  for (const manifest::Workload& w : manifest_.workloads) {
    auto started = start_workload(w);
    if (!started) {
      Error error = std::move(started).error().context("workload " + w.name);
      if (error.position()) return fail(std::move(error));
      return fail(std::move(error).at({manifest_.file, w.mark.line, w.mark.column}));
    }
  }
  BERTH_TRY(serve_control());
  BERTH_TRY(serve_telemetry());
  BERTH_TRY(start_triggers());
  for (auto& [name, served] : served_) {
    if (!served.updater) continue;
    served.updater->start([this, &served]() -> Result<> {
      auto report = swap(served, served.spec->source.path);
      if (!report) return fail(std::move(report).error());
      return {};
    });
  }
  ready_ = true;
  return {};
}

Result<> RunningHost::start_engine() {
  // The engine's maxima are what the most demanding workload asks for; each has its own below.
  abi::EngineOptions options;
  std::uint64_t instances = 0;
  for (const manifest::Workload& w : manifest_.workloads) {
    options.max_memory_bytes = std::max(options.max_memory_bytes, w.limits.memory_bytes);
    options.max_table_elements = std::max(options.max_table_elements, w.limits.table_elements);
    instances += instances_of(w) * kPooledVersions * kCoreInstances;
  }
  options.max_instances = static_cast<std::uint32_t>(
      std::min(std::clamp(instances, kMinPooled, kMaxPooled), kMaxReservedBytes / options.max_memory_bytes));
  engine_ = BERTH_TRY(abi::Engine::create(options));
  io_ = BERTH_TRY(
      net::IoContext::create(static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1U, 16U))));
  std::vector<host::CapabilityInfo> offered;
  for (const grants::Capability& capability : known_.capabilities()) offered.push_back(capability.info);
  loader_ = std::make_unique<host::Loader>(engine_, *io_, std::move(offered));
  host_ = std::make_unique<host::Host>(*io_, metrics_);
  return {};
}

// ---- workloads -------------------------------------------------------------------------------

Result<host::Grants> RunningHost::make_grants(const manifest::Workload& spec) {
  const grants::Services services{spec.name, log_, metrics_};
  host::Grants out;
  out.push_back(registry::base_grant(services));
  for (const manifest::Grant& grant : spec.grants) {
    manifest::Problems problems(manifest_.file);
    const std::string path = "workloads." + spec.name + ".grants." + grant.name;
    const grants::Maker make = known_.capability(grant.name).read(grant.value, path, problems);
    if (!problems.empty()) return fail(problems.to_error());
    auto made = make(services);
    if (!made) {
      return fail(
          std::move(made).error().context(path).at({manifest_.file, grant.mark.line, grant.mark.column}));
    }
    out.push_back(std::move(*made));
  }
  return out;
}

Result<host::Binder> RunningHost::binder_for(const manifest::Workload& spec) {
  host::Binder binder = host::bind_instance();
  for (std::size_t i = 0; i < spec.triggers.size(); ++i) {
    host::Binder wanted = known_.trigger(spec.triggers[i].name).binder();
    if (i > 0 && wanted.exports != binder.exports) {
      const manifest::Mark at = spec.triggers[i].mark;
      return fail(
          Error(
              Code::kInvalidArgument,
              fmt::format("the trigger {} needs other exports than the one before it; make it two workloads",
                          spec.triggers[i].name))
              .at({manifest_.file, at.line, at.column}));
    }
    binder = std::move(wanted);
  }
  return binder;
}

Result<> RunningHost::start_workload(const manifest::Workload& spec) {
  Served& served = served_[spec.name];
  served.spec = &spec;
  served.request = {.workload = spec.name,
                    .grants = BERTH_TRY(make_grants(spec)),
                    .limits = limits_of(spec.limits),
                    .binder = BERTH_TRY(binder_for(spec)),
                    .args = spec.args};
  for (const auto& [name, text] : spec.env) served.request.env.push_back(name + "=" + text);
  // Before the file is read, so that no replacement is missed.
  if (spec.update.watch) served.updater = BERTH_TRY(Updater::create(spec.name, spec.source.path, log_));

  const auto begin = Clock::now();
  auto artifact = artifact::read_artifact(spec.source.path);
  if (!artifact) {
    return fail(
        std::move(artifact).error().at({manifest_.file, spec.source.mark.line, spec.source.mark.column}));
  }
  auto version = BERTH_TRY(loader_->load(*artifact, served.request));
  served.workload =
      BERTH_TRY(host_->start({.name = spec.name,
                              .instances = policy_of(spec),
                              .limits = served.request.limits,
                              .handover = spec.handover ? host::Handover::kAuto : host::Handover::kOff,
                              .drain = spec.update.drain},
                             std::move(version)));
  served.refused =
      BERTH_TRY(telemetry::WorkloadMetrics::resolve(metrics_, spec.name, artifact->digest.to_string()))
          .swaps_failed;
  log_.info("loaded", {{"workload", spec.name},
                       {"version", short_digest(artifact->digest.to_string())},
                       {"source", spec.source.text},
                       {"bytes", artifact->bytes.size()},
                       {"ms", milliseconds_since(begin)}});
  return {};
}

Result<std::shared_ptr<const host::Version>> RunningHost::load_next(Served& served,
                                                                    const std::filesystem::path& file) {
  const artifact::Artifact artifact = BERTH_TRY(artifact::read_artifact(file));
  if (artifact.digest.to_string() == served.workload->status().current.digest) return nullptr;
  return BERTH_TRY(loader_->load(artifact, served.request));
}

Result<host::SwapReport> RunningHost::swap(Served& served, const std::filesystem::path& file) {
  const std::lock_guard lock(served.updating);
  auto version = load_next(served, file);
  if (!version) {
    // The workload never saw it, so it is counted and shown here.
    served.refused->add();
    const std::lock_guard refusing(served.mutex);
    served.last_refused = {{"at", time_text(std::chrono::system_clock::now())},
                           {"file", file.string()},
                           {"error", version.error().message()}};
    return fail(std::move(version).error());
  }
  if (*version == nullptr) {
    const std::string digest = served.workload->status().current.digest;
    log_.info("unchanged",
              {{"workload", served.spec->name}, {"version", short_digest(digest)}, {"file", file.string()}});
    return host::SwapReport{.from = digest, .to = digest, .ok = true, .at = std::chrono::system_clock::now()};
  }
  host::SwapReport report = BERTH_TRY(served.workload->swap(std::move(*version)));
  log_.info(swap_text(to_json(report)), {{"workload", served.spec->name}, {"file", file.string()}});
  return report;
}

// ---- what calls it, and what looks at it -------------------------------------------------------

Result<> RunningHost::start_triggers() {
  std::map<std::string_view, std::vector<TriggerSpec>> by_kind;
  for (const manifest::Workload& w : manifest_.workloads) {
    for (const manifest::Trigger& trigger : w.triggers) {
      by_kind[trigger.name].push_back({.workload = served_.find(w.name)->second.workload,
                                       .value = &trigger.value,
                                       .at = {manifest_.file, trigger.mark.line, trigger.mark.column}});
    }
  }
  const TriggerServices services{*io_, log_, metrics_};
  for (const auto& [kind, specs] : by_kind) {
    auto running = BERTH_TRY(known_.trigger(kind).start(specs, services));
    for (const std::string& address : running->addresses())
      log_.info("serving at " + address, {{"trigger", kind}});
    triggers_.push_back(std::move(running));
  }
  return {};
}

Result<> RunningHost::serve_telemetry() {
  const auto& listen = manifest_.telemetry.listen;
  if (!listen) return {};
  router_.add("/metrics", net::sync_handler([this](const net::HttpRequest&) {
                return net::HttpResponse{.content_type = std::string(telemetry::Metrics::kContentType),
                                         .body = metrics_.expose()};
              }));
  router_.add("/healthz", net::sync_handler([](const net::HttpRequest&) {
                return net::HttpResponse{.content_type = "text/plain", .body = "ok\n"};
              }));
  router_.add("/readyz", net::sync_handler([this](const net::HttpRequest&) {
                return ready_ ? net::HttpResponse{.content_type = "text/plain", .body = "ready\n"}
                              : net::HttpResponse{
                                    .status = 503, .content_type = "text/plain", .body = "not ready\n"};
              }));
  telemetry_server_ = std::make_unique<net::HttpServer>(*io_, router_);
  auto port = telemetry_server_->listen(listen->host, listen->port);
  if (!port) return fail(std::move(port).error().context("telemetry.listen"));
  log_.info("metrics at http://" + manifest::Endpoint{listen->host, *port}.to_string() + "/metrics");
  return {};
}

Result<> RunningHost::serve_control() {
  const std::filesystem::path path = manifest_.control_socket.value_or(default_socket());
  auto started =
      ControlServer::start(path, {{"status", [this](const Json&) { return on_status(); }},
                                  {"swap", [this](const Json& params) { return on_swap(params); }},
                                  {"logs", [this](const Json& params) { return on_logs(params); }}});
  if (!started) return fail(std::move(started).error().context("control.socket"));
  control_ = std::move(*started);
  log_.info("control socket at " + path.string());
  return {};
}

Result<Json> RunningHost::on_status() {
  Json out = {{"pid", ::getpid()},
              {"version", version_line()},
              {"manifest", manifest_.file},
              {"ready", ready_.load()},
              {"uptime_s", std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - started_).count()},
              {"serving", Json::array()},
              {"workloads", Json::array()}};
  if (ready_) {
    for (const auto& running : triggers_) {
      for (const std::string& address : running->addresses()) out["serving"].push_back(address);
    }
  }
  for (const host::WorkloadStatus& status : host_->status()) {
    Json workload = to_json(status);
    Served& served = served_.find(status.name)->second;
    const std::lock_guard lock(served.mutex);
    if (!served.last_refused.is_null()) workload["last_refused"] = served.last_refused;
    out["workloads"].push_back(std::move(workload));
  }
  return out;
}

Result<Json> RunningHost::on_swap(const Json& params) {
  const std::string name = BERTH_TRY(text_param(params, "workload"));
  const std::string file = BERTH_TRY(text_param(params, "file"));
  const auto served = served_.find(name);
  if (served == served_.end()) {
    std::vector<std::string_view> names;
    for (const auto& [known, unused] : served_) names.push_back(known);
    return fail(Code::kNotFound,
                fmt::format("no workload {}; {}", manifest::shown(name), manifest::suggestion(name, names)));
  }
  return to_json(BERTH_TRY(swap(served->second, file)));
}

Result<Json> RunningHost::on_logs(const Json& params) {
  const std::uint64_t last = BERTH_TRY(number_param(params, "last", 0));
  const std::uint64_t after = BERTH_TRY(number_param(params, "after", 0));
  const bool from_end = params.contains("last");
  const auto records = from_end ? log_.last(std::min<std::uint64_t>(last, kMaxLogRecords))
                                : log_.recent(after, kMaxLogRecords);
  Json out = {{"sequence", after}, {"records", Json::array()}};
  if (from_end && last == 0) {
    // Nothing is shown, but what follows begins here.
    if (const auto newest = log_.last(1); !newest.empty()) out["sequence"] = newest.back().sequence;
  }
  for (const telemetry::LogRecord& record : records) {
    out["records"].push_back(
        {{"text", telemetry::render_text(record)}, {"json", telemetry::render_json(record)}});
    out["sequence"] = record.sequence;
  }
  return out;
}

// ---- the end ---------------------------------------------------------------------------------

void RunningHost::stop() {
  std::call_once(stopped_, [this] {
    ready_ = false;
    control_.reset();
    for (auto& [name, served] : served_) served.updater.reset();
    milliseconds drain{0};
    for (const manifest::Workload& w : manifest_.workloads) drain = std::max(drain, w.update.drain);
    const auto deadline = Clock::now() + drain;
    for (const auto& running : triggers_) {
      running->stop(
          std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(deadline - Clock::now())));
    }
    // Together, so that the slowest one decides how long it takes and not their sum.
    std::vector<std::jthread> stopping;
    for (auto& [name, served] : served_) {
      if (!served.workload) continue;
      stopping.emplace_back([&served, this] {
        if (const auto stopped = served.workload->stop(); !stopped) {
          log_.warn("did not stop in time",
                    {{"workload", served.spec->name}, {"error", stopped.error().message()}});
        }
      });
    }
    stopping.clear();
    if (telemetry_server_) telemetry_server_->stop(milliseconds(0));
  });
}

}  // namespace berth::cli
