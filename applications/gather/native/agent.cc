// Agent: when, what became of it, and what is sent.
#include "applications/gather/native/agent.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "applications/gather/native/leftovers.h"
#include "applications/gather/native/period.h"
#include "applications/gather/native/upload.h"
#include "applications/gather/native/web.h"

namespace berth::gather {

namespace {

using std::chrono::milliseconds;

constexpr std::string_view kStateFile = ".state.json";
constexpr std::string_view kLockFile = ".lock";
// Each wait after a failed upload may be so much longer.
constexpr int kUploadJitterParts = 5;

// One workload may have several triggers.
std::string state_key(const Source& source) {
  return fmt::format("{}/{}", source.workload, source.every.count());
}

Time now() { return std::chrono::system_clock::now(); }

Result<File> lock_folder(const std::filesystem::path& folder) {
  const auto path = folder / kLockFile;
  File lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), path);
  if (lock.fd() < 0) return fail(system_error(errno, "opening", path));
  if (::flock(lock.fd(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(system_error(errno, "locking", path));
    return fail(Code::kFailedPrecondition,
                folder.string() + ": another agent writes its archives there; give each a folder of its own");
  }
  return lock;
}

}  // namespace

Result<std::unique_ptr<Agent>> Agent::start(Settings settings, std::vector<Source> sources,
                                            AgentServices services) {
  BERTH_TRY(make_archive_folder(settings.directory));
  File lock = BERTH_TRY(lock_folder(settings.directory));
  remove_leftovers(settings.directory);
  if (settings.upload) BERTH_TRY(check_identity(settings.upload->to, services.io));
  if (settings.rules) {
    if (settings.rules->remote) BERTH_TRY(check_identity(*settings.rules->remote, services.io));
    if (settings.rules->prometheus) BERTH_TRY(check_identity(*settings.rules->prometheus, services.io));
  }
  auto metrics = BERTH_TRY(AgentMetrics::resolve(services.metrics));
  auto workers = BERTH_TRY(net::IoContext::create(static_cast<int>(settings.concurrency)));
  std::unique_ptr<Agent> agent(new Agent(std::move(settings), std::move(sources), std::move(services),
                                         std::move(metrics), std::move(lock), std::move(workers)));
  agent->look_after_archives();
  Agent* const a = agent.get();
  const auto body = [a](void (Agent::*what)(const std::stop_token&)) {
    return [a, what](const std::stop_token& stop) {
      (a->*what)(stop);
      const std::lock_guard lock(a->mutex_);
      --a->running_;
      a->changed_.notify_all();
    };
  };
  agent->uploading_ = std::jthread(body(&Agent::upload_all));
  agent->gathering_ = std::jthread(body(&Agent::run));
  return agent;
}

Agent::Agent(Settings settings, std::vector<Source> sources, AgentServices services, AgentMetrics metrics,
             File lock, std::unique_ptr<net::IoContext> workers)
    : settings_(std::move(settings)),
      sources_(std::move(sources)),
      services_(std::move(services)),
      metrics_(std::move(metrics)),
      lock_(std::move(lock)),
      workers_(std::move(workers)),
      state_(read_state(settings_.directory / kStateFile)) {
  if (settings_.upload) status_.uploads.emplace();
}

Agent::~Agent() { stop(milliseconds(0)); }

void Agent::stop(milliseconds drain) {
  gathering_.request_stop();
  uploading_.request_stop();
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, drain, [this] { return running_ == 0; });
}

AgentStatus Agent::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

milliseconds Agent::up_to(milliseconds most) {
  const std::lock_guard lock(mutex_);
  return milliseconds(std::uniform_int_distribution<milliseconds::rep>(0, most.count())(random_));
}

// ---- gathering -------------------------------------------------------------------------------

void Agent::run(const std::stop_token& stop) {
  Time next = now();
  {
    const std::lock_guard lock(mutex_);
    // A clock that was set back must not put it off for longer than a period.
    if (state_.gathered && *state_.gathered <= next)
      next = std::max(next, *state_.gathered + settings_.every);
  }
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      status_.next = next;
      // By the clock that nobody sets: a period is so much time.
      changed_.wait_for(lock, stop, next - now(), [] { return false; });
      if (stop.stop_requested()) return;
      status_.next.reset();
      status_.gathering = true;
    }
    const Time began = now();
    gather(stop);
    next = began + settings_.every + up_to(settings_.jitter);
    {
      const std::lock_guard lock(mutex_);
      status_.gathering = false;
    }
    look_after_archives();
  }
}

std::vector<Source> Agent::due(Time now) const {
  std::vector<Source> out;
  const std::lock_guard lock(mutex_);
  for (const Source& source : sources_) {
    const auto last = state_.workloads.find(state_key(source));
    const bool wait = source.every.count() > 0 && last != state_.workloads.end() && last->second <= now &&
                      last->second + source.every > now;
    out.push_back(source);
    if (wait) out.back().only.emplace();  // nothing but what rules ask for
  }
  return out;
}

void Agent::gather(const std::stop_token& stop) {
  const Time began = now();
  const auto sources = due(began);
  auto period = gather_period(settings_, sources, settings_.directory, GatheringRequest::To::kFolder,
                              {.io = services_.io,
                               .workers = *workers_,
                               .cluster = services_.cluster.get(),
                               .program_began = began_,
                               .progress = {}},
                              stop);
  if (!period) {
    if (period.error().code() == Code::kCancelled) return;
    metrics_.failed();
    services_.log.error("no archive was written", {{"error", period.error().message()}});
    const std::lock_guard lock(mutex_);
    status_.error = period.error().message();
    return;
  }
  const Gathered* const gathered = &period->gathered;
  if (!period->rules_problem.empty())
    services_.log.warn("the rules that are built in hold", {{"error", period->rules_problem}});
  AgentStatus::Last last{.began = began,
                         .archive = gathered->archive.filename().string(),
                         .records = gathered->records,
                         .bytes = gathered->record_bytes,
                         .gatherers = gathered->reports.size(),
                         .failed = {},
                         .duration = gathered->duration};
  for (const Report& r : gathered->reports) {
    if (r.errors.empty() && !r.panic) continue;
    last.failed.push_back(r.name);
    services_.log.warn("a gatherer failed", {{"gatherer", r.name},
                                             {"errors", r.errors.size()},
                                             {"error", r.panic ? *r.panic : r.errors.front()},
                                             {"trapped", r.panic.has_value()}});
  }
  services_.log.info("gathered", {{"archive", last.archive},
                                  {"records", last.records},
                                  {"bytes", last.bytes},
                                  {"archive_bytes", gathered->archive_bytes},
                                  {"failed", last.failed.size()},
                                  {"ms", last.duration.count()}});
  metrics_.gathered(*gathered);
  AgentState state;
  {
    const std::lock_guard lock(mutex_);
    status_.error.clear();
    status_.rules = std::move(period->rules);
    status_.rules_problem = std::move(period->rules_problem);
    status_.last = std::move(last);
    state_.gathered = began;
    for (const Source& source : sources) {
      const bool waited = source.only && source.only->empty();
      if (source.every.count() > 0 && !waited) state_.workloads[state_key(source)] = began;
    }
    state = state_;
    new_archive_ = true;
    changed_.notify_all();
  }
  if (const auto written = write_state(settings_.directory / kStateFile, state); !written)
    services_.log.warn("the agent's state was not written", {{"error", written.error().message()}});
}

void Agent::look_after_archives() {
  const auto removed = prune(settings_.directory, now(), settings_.keep, settings_.keep_bytes);
  if (!removed) services_.log.warn("old archives stay", {{"error", removed.error().message()}});
  if (removed && *removed > 0) {
    metrics_.pruned(*removed);
    services_.log.info("old archives were removed", {{"count", *removed}});
  }
  const auto archives = list_archives(settings_.directory);
  if (!archives) return;
  std::uint64_t bytes = 0;
  for (const ArchiveFile& a : *archives) bytes += a.bytes;
  metrics_.archives(archives->size(), bytes);
  const std::lock_guard lock(mutex_);
  status_.archives = archives->size();
  status_.archive_bytes = bytes;
}

// ---- uploading -------------------------------------------------------------------------------

void Agent::upload_all(const std::stop_token& stop) {
  if (!settings_.upload) return;
  while (!stop.stop_requested()) {
    const auto wait = upload_one(stop);
    std::unique_lock lock(mutex_);
    if (!wait) {
      status_.uploads->next.reset();
      changed_.wait(lock, stop, [this] { return new_archive_; });
      new_archive_ = false;
    } else if (wait->count() > 0) {
      status_.uploads->next = now() + *wait;
      changed_.wait_for(lock, stop, *wait, [] { return false; });
    }
  }
}

std::optional<milliseconds> Agent::upload_one(const std::stop_token& stop) {
  auto archives = list_archives(settings_.directory);
  if (!archives) {
    services_.log.warn("archives cannot be uploaded", {{"error", archives.error().message()}});
    return settings_.upload->retry;
  }
  std::erase_if(*archives, [this](const ArchiveFile& a) { return hopeless_.contains(a.path); });
  if (archives->empty()) return std::nullopt;
  const ArchiveFile& archive = archives->front();
  const std::string name = archive.path.filename().string();
  auto sent = upload(*settings_.upload, archive, services_.io,
                     user_agent(cluster_id(settings_, services_.cluster.get())), stop);
  if (stop.stop_requested()) return std::nullopt;
  if (!sent && sent.error().code() == Code::kNotFound) return milliseconds(0);  // it was pruned meanwhile
  if (!sent) sent = Uploaded{.status = 0, .request = {}, .error = sent.error().message()};
  metrics_.uploaded(*sent);
  if (sent->ok()) {
    ::unlink(archive.path.c_str());
    services_.log.info("uploaded", {{"archive", name}, {"status", sent->status}, {"request", sent->request}});
    metrics_.degraded(false);
    {
      const std::lock_guard lock(mutex_);
      AgentStatus::Uploads& u = *status_.uploads;
      ++u.sent;
      u.failed_in_a_row = 0;
      u.degraded = false;
      u.error.clear();
      u.last = now();
    }
    look_after_archives();
    return milliseconds(0);
  }
  std::uint32_t failures = 0;
  {
    const std::lock_guard lock(mutex_);
    AgentStatus::Uploads& u = *status_.uploads;
    ++u.failed;
    failures = ++u.failed_in_a_row;
    u.degraded = failures >= settings_.upload->degraded_after;
    u.error = name + ": " + sent->error;
  }
  metrics_.degraded(failures >= settings_.upload->degraded_after);
  if (sent->lasting) {
    // Others may be taken; this one stays until it is pruned.
    hopeless_.insert(archive.path);
    services_.log.error("the receiver will not take an archive, it is left where it is",
                        {{"archive", name}, {"error", sent->error}});
    return settings_.upload->retry;
  }
  // 2^20 retries are more than the longest wait.
  milliseconds wait =
      std::min(settings_.upload->retry * (1 << std::min(failures - 1, 20U)), settings_.upload->max_retry);
  wait = std::max(wait, sent->retry_after);
  wait += up_to(wait / kUploadJitterParts);
  services_.log.warn(
      "an upload failed and is tried again",
      {{"archive", name}, {"error", sent->error}, {"failures", failures}, {"in_s", wait.count() / 1000}});
  return wait;
}

}  // namespace berth::gather
