// RunningHost: starting what a manifest says, in order, and stopping it in the other order.
#include "cli/running_host.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <thread>
#include <utility>

#include "abi/engine.h"
#include "capabilities/registry/registry.h"
#include "cli/commands.h"
#include "cli/limits.h"
#include "cli/origin.h"
#include "cli/status_json.h"
#include "host/limits.h"

namespace berth::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Versions of one workload alive at once, for the size of the engine's pool: the one that serves, one on
// trial, its shadow, one that is warm, one that drains.
constexpr std::uint64_t kPooledVersions = 5;
// Core instances in one component: its own, the adapter's and the shims between them.
constexpr std::uint64_t kCoreInstances = 4;
// The pool only reserves addresses for them.
constexpr std::uint64_t kMinPooled = 64;
constexpr std::uint64_t kMaxPooled = 100'000;
// A process has 128 TiB of addresses; the pool may have an eighth of them.
constexpr std::uint64_t kMaxReservedBytes = std::uint64_t{16} << 40;

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
    case manifest::InstancePolicy::kKept:
    case manifest::InstancePolicy::kPool: return w.instance_count;
  }
  return 1;
}

}  // namespace

telemetry::LogOptions log_options(const manifest::Telemetry& telemetry) {
  telemetry::LogOptions out;
  // The manifest's parser accepted the name.
  out.level = telemetry::parse_level(telemetry.log_level).value_or(telemetry::Level::kInfo);
  switch (telemetry.log_format) {
    case manifest::LogFormat::kAuto: out.format = telemetry::LogFormat::kAuto; break;
    case manifest::LogFormat::kText: out.format = telemetry::LogFormat::kText; break;
    case manifest::LogFormat::kJson: out.format = telemetry::LogFormat::kJson; break;
  }
  return out;
}

Result<std::unique_ptr<RunningHost>> RunningHost::start(const manifest::Manifest& manifest,
                                                        const Known& known, telemetry::Logger& log,
                                                        RunOptions options) {
  std::unique_ptr<RunningHost> out(new RunningHost(manifest, known, log, std::move(options)));
  BERTH_TRY(out->begin());
  return out;
}

RunningHost::RunningHost(const manifest::Manifest& manifest, const Known& known, telemetry::Logger& log,
                         RunOptions options)
    : manifest_(manifest), known_(known), log_(log), options_(std::move(options)) {}

RunningHost::~RunningHost() { stop(); }

Result<> RunningHost::begin() {
  BERTH_TRY(open_store());
  BERTH_TRY(start_engine());
  for (const manifest::Workload& w : manifest_.workloads) {
    auto started = start_workload(w);
    if (!started) {
      Error error = std::move(started).error().context("workload " + w.name);
      if (error.position()) return fail(std::move(error));
      return fail(std::move(error).at({manifest_.file, w.mark.line, w.mark.column}));
    }
  }
  if (options_.listens) {
    options_.serves();
    BERTH_TRY(serve_control());
    BERTH_TRY(serve_telemetry());
    BERTH_TRY(start_triggers());
  }
  for (auto& [name, served] : served_) served->begin_updates();
  ready_ = true;
  return {};
}

Result<> RunningHost::open_store() {
  const auto text = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string_view(value != nullptr ? value : "");
  };
  const std::filesystem::path folder =
      manifest_.store.path
          ? *manifest_.store.path
          : BERTH_TRY(artifact::default_store_folder(text("XDG_CACHE_HOME"), text("HOME"), ::geteuid() == 0));
  std::error_code error;
  std::filesystem::create_directories(folder.parent_path(), error);  // or opening it says why not
  auto store = artifact::Store::open(
      {.folder = folder,
       .cap_bytes = manifest_.store.max_bytes,
       .notice = [this](const Error& e) { log_.warn(e.message(), {{"store", "got over it"}}); }},
      files_);
  if (!store) return fail(std::move(store).error().context("opening the store (store.path in the manifest)"));
  store_.emplace(std::move(*store));
  kept_code_.emplace(*store_);
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
  workers_ = BERTH_TRY(
      net::IoContext::create(static_cast<int>(std::clamp<std::size_t>(manifest_.workloads.size(), 1, 16))));
  tiers_ = std::make_unique<host::Tiers>(
      engine_,
      host::TierOptions{.compiler = {.program = options_.compiler, .limits = {}},
                        .notice = [this](const Error& e) { log_.warn(e.message()); }},
      &*kept_code_);
  loader_ = std::make_unique<host::Loader>(engine_, *io_, known_.offered(), tiers_.get());
  host_ = std::make_unique<host::Host>(*io_, metrics_, &log_);
  improver_ = std::make_unique<host::Improver>(
      *loader_, [this](const host::ImproverReport& r) { improved(r); }, host::kImproveAfter);
  return {};
}

// ---- workloads -------------------------------------------------------------------------------

Result<host::Grants> RunningHost::make_grants(const manifest::Workload& spec) {
  const grants::Services services{spec.name, log_, metrics_, options_.use};
  host::Grants out;
  out.push_back(registry::base_grant(services));
  for (const manifest::Trigger& trigger : spec.triggers) {
    if (auto grant = known_.trigger(trigger.name).grant) {
      out.push_back(std::move(grant));
      break;  // a workload has triggers of one kind
    }
  }
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
  if (spec.triggers.empty()) return host::bind_instance();
  const std::string& kind = spec.triggers.front().name;
  const auto other = std::ranges::find_if(spec.triggers, [&](const auto& t) { return t.name != kind; });
  if (other != spec.triggers.end()) {
    return fail(Error(Code::kInvalidArgument,
                      fmt::format("the trigger {} needs other exports than {}; make it two workloads",
                                  other->name, kind))
                    .at({manifest_.file, other->mark.line, other->mark.column}));
  }
  return known_.trigger(kind).binder(spec.triggers, manifest_.file);
}

Result<> RunningHost::start_workload(const manifest::Workload& spec) {
  host::LoadRequest request{.workload = spec.name,
                            .grants = BERTH_TRY(make_grants(spec)),
                            .limits = limits_of(spec.limits),
                            .binder = BERTH_TRY(binder_for(spec)),
                            .args = spec.args};
  for (const auto& [name, text] : spec.env) request.env.push_back(fmt::format("{}={}", name, text));
  served_[spec.name] =
      BERTH_TRY(Served::start(spec, std::move(request), BERTH_TRY(Origin::open(manifest_, spec, *io_)),
                              {.log = log_,
                               .loader = *loader_,
                               .host = *host_,
                               .improver = *improver_,
                               .store = *store_,
                               .workers = *workers_,
                               .keep = manifest_.store.keep,
                               .manifest = manifest_.file}));
  return {};
}

void RunningHost::improved(const host::ImproverReport& report) {
  if (!report.result) {
    log_.warn("better code was refused, the quick one goes on",
              {{"workload", report.workload}, {"error", report.result.error().message()}});
    return;
  }
  constexpr std::string_view kResults[] = {
      "better code serves",
      "better code is ready, but the only instance keeps state and exports no hand-over",
      "better code is ready for a version that no longer serves"};
  log_.info(kResults[static_cast<std::size_t>(report.result->result)],
            {{"workload", report.workload},
             {"version", short_digest(report.digest)},
             {"compile_ms", std::chrono::duration<double, std::milli>(report.compiled_in).count()},
             {"pause_ms", std::chrono::duration<double, std::milli>(report.result->report.pause).count()}});
}

// ---- what calls it, and what looks at it -------------------------------------------------------

Result<> RunningHost::start_triggers() {
  std::set<std::string_view> kinds;
  for (const manifest::Workload& w : manifest_.workloads) {
    for (const manifest::Trigger& trigger : w.triggers) kinds.insert(trigger.name);
  }
  const TriggerServices services{*io_, log_, metrics_, manifest_};
  for (const std::string_view kind : kinds) {
    if (std::string missing = known_.trigger(kind).missing_section(manifest_); !missing.empty())
      return fail(Error(Code::kInvalidArgument, std::move(missing)).at(triggers_of(kind).front().at));
    auto running = BERTH_TRY(known_.trigger(kind).start(triggers_of(kind), services));
    for (const std::string& address : running->addresses())
      log_.info("serving at " + address, {{"trigger", kind}});
    triggers_.emplace(kind, std::move(running));
  }
  return {};
}

std::vector<TriggerSpec> RunningHost::triggers_of(std::string_view kind) const {
  std::vector<TriggerSpec> out;
  for (const manifest::Workload& w : manifest_.workloads) {
    for (const manifest::Trigger& trigger : w.triggers) {
      if (trigger.name != kind) continue;
      out.push_back({.workload = served_.find(w.name)->second->workload(),
                     .value = &trigger.value,
                     .at = {manifest_.file, trigger.mark.line, trigger.mark.column}});
    }
  }
  return out;
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
  const auto digest = [](const Json& params) -> Result<std::optional<artifact::Digest>> {
    if (!params.contains("digest")) return std::nullopt;
    return BERTH_TRY(artifact::Digest::parse(BERTH_TRY(text_param(params, "digest"))));
  };
  // Each is about the workload that it names.
  using Ask = std::function<Result<Json>(Served&, const Json&)>;
  const auto about = [this](Ask ask) {
    return [this, ask = std::move(ask)](const Json& params) -> Result<Json> {
      return ask(*BERTH_TRY(workload(BERTH_TRY(text_param(params, "workload")))), params);
    };
  };
  auto started = ControlServer::start(
      path, {{"status", [this](const Json&) { return on_status(); }},
             {"logs", [this](const Json& params) { return on_logs(params); }},
             {"swap", about([](Served& s, const Json& p) -> Result<Json> {
                return s.swap(BERTH_TRY(text_param(p, "file")));
              })},
             {"update", about([](Served& s, const Json&) -> Result<Json> {
                s.look();
                return s.update_status();
              })},
             {"history", about([](Served& s, const Json&) { return s.history(); })},
             {"rollback", about([digest](Served& s, const Json& p) -> Result<Json> {
                return s.roll_back(BERTH_TRY(digest(p)));
              })},
             {"pin", about([digest](Served& s, const Json& p) -> Result<Json> {
                return s.pin(BERTH_TRY(digest(p)));
              })},
             {"unpin", about([](Served& s, const Json&) { return s.unpin(); })},
             {"accept", about([](Served& s, const Json& p) -> Result<Json> {
                return s.accept(BERTH_TRY(artifact::Digest::parse(BERTH_TRY(text_param(p, "digest")))));
              })}});
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
    for (const auto& [kind, running] : triggers_) {
      for (const std::string& address : running->addresses()) out["serving"].push_back(address);
      if (Json status = running->status(); !status.is_null()) out[kind] = std::move(status);
    }
  }
  for (const host::WorkloadStatus& status : host_->status()) {
    Json workload = to_json(status);
    workload["update"] = served_.find(status.name)->second->update_status();
    out["workloads"].push_back(std::move(workload));
  }
  return out;
}

Result<Served*> RunningHost::workload(std::string_view name) {
  const auto served = served_.find(name);
  if (served != served_.end()) return served->second.get();
  std::vector<std::string_view> names;
  names.reserve(served_.size());
  for (const auto& [known, unused] : served_) names.push_back(known);
  return fail(Code::kNotFound,
              fmt::format("no workload {}; {}", manifest::shown(name), manifest::suggestion(name, names)));
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
    for (auto& [name, served] : served_) served->stop_updates();
    improver_.reset();
    milliseconds drain{0};
    for (const manifest::Workload& w : manifest_.workloads) drain = std::max(drain, w.update.drain);
    const auto deadline = Clock::now() + drain;
    for (const auto& [kind, running] : triggers_) {
      running->stop(
          std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(deadline - Clock::now())));
    }
    // Together, so that the slowest one decides how long it takes and not their sum.
    std::vector<std::jthread> stopping;
    for (auto& [name, served] : served_) {
      stopping.emplace_back([&served, &name, this] {
        if (const auto stopped = served->workload()->stop(); !stopped) {
          log_.warn("did not stop in time", {{"workload", name}, {"error", stopped.error().message()}});
        }
      });
    }
    stopping.clear();
    if (telemetry_server_) telemetry_server_->stop(milliseconds(0));
  });
}

}  // namespace berth::cli
