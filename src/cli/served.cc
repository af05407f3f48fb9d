// Served: start, the steps of an update, what operators ask for, the record.
#include "cli/served.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>
#include <variant>
#include <vector>

#include "artifact/digest.h"
#include "artifact/file_source.h"
#include "cli/status_json.h"
#include "cli/update_plan.h"
#include "host/component/world.h"

namespace berth::cli {
namespace {

using artifact::Artifact;
using artifact::Digest;
using artifact::History;
using Clock = std::chrono::steady_clock;
using What = host::UpdateRecord::What;

constexpr std::string_view kByOperator = "an operator asked for it";

host::InstancePolicy policy_of(const manifest::Workload& w) {
  switch (w.instances) {
    case manifest::InstancePolicy::kFresh: return host::InstancePolicy::fresh();
    case manifest::InstancePolicy::kKept: return host::InstancePolicy::shards(w.instance_count);
    case manifest::InstancePolicy::kPool: return host::InstancePolicy::pool(w.instance_count);
  }
  return host::InstancePolicy::fresh();
}

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::chrono::sys_seconds seconds(host::WallTime at) { return std::chrono::floor<std::chrono::seconds>(at); }

// A blob that is begun when there is something to write: most looks find nothing new.
class LazyBlob final : public ByteSink {
 public:
  explicit LazyBlob(const artifact::Store& store) : store_(store) {}
  Result<> write(std::span<const std::uint8_t> some) override {
    if (!writer_) writer_.emplace(BERTH_TRY(store_.write_blob()));
    return writer_->write(some);
  }
  Result<artifact::BlobWriter::Stored> commit(const Digest& expected) {
    if (!writer_) writer_.emplace(BERTH_TRY(store_.write_blob()));  // it is empty
    return writer_->commit(expected);
  }

 private:
  const artifact::Store& store_;
  std::optional<artifact::BlobWriter> writer_;
};

// Of a workload of this manifest: [a-z0-9.-], as the store wants it.
std::string record_name(const std::string& workload, const std::string& manifest) {
  std::error_code none;
  const std::string path = std::filesystem::weakly_canonical(manifest, none).string();
  const auto digest = Digest::of({reinterpret_cast<const std::uint8_t*>(path.data()), path.size()});
  return fmt::format("{}-{}", workload, digest ? digest->hex().substr(0, 12) : "");
}

double chance() {
  static thread_local std::mt19937_64 random{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(random);
}

}  // namespace

Result<std::unique_ptr<Served>> Served::start(const manifest::Workload& spec, host::LoadRequest request,
                                              std::unique_ptr<Origin> origin, ServedServices services) {
  std::unique_ptr<Served> out(new Served(spec, std::move(request), std::move(origin), std::move(services)));
  BERTH_TRY(out->begin());
  return out;
}

Served::Served(const manifest::Workload& spec, host::LoadRequest request, std::unique_ptr<Origin> origin,
               ServedServices services)
    : spec_(spec),
      request_(std::move(request)),
      origin_(std::move(origin)),
      services_(std::move(services)),
      record_name_(record_name(spec.name, services_.manifest)) {}

Served::~Served() { stop_updates(); }

// ---- the start ---------------------------------------------------------------------------------

Result<> Served::begin() {
  // Before the file is read, so that no replacement is missed.
  if (spec_.source.kind == manifest::Source::Kind::kFile && spec_.update.watch)
    watch_.emplace(BERTH_TRY(artifact::FileWatch::create(spec_.source.path)));
  BERTH_TRY(recall());
  std::vector<Digest> known;
  if (history_.pinned) {
    known.push_back(*history_.pinned);  // and nothing else
  } else {
    for (const artifact::GoodVersion& good : history_.good) known.push_back(good.digest);
    if (history_.running) known.push_back(*history_.running);
  }
  // What was taken under other keys is unverified, whatever the record calls it.
  if (history_.policy != origin_->policy_name()) known.clear();
  for (const Digest& digest : known) {
    auto ready = from_store(digest);
    auto served = ready ? serve(std::move(*ready)) : Result<>(fail(std::move(ready).error()));
    if (served) {
      look_at_once_ = true;
      return {};
    }
    services_.log.warn("a version of the record does not start; the one before it is tried, then the source",
                       {{"workload", spec_.name},
                        {"version", short_digest(digest.to_string())},
                        {"error", served.error().message()}});
  }
  auto ready = from_source();
  if (!ready) {
    Error error = std::move(ready).error();
    if (error.position()) return fail(std::move(error));
    return fail(std::move(error).at({services_.manifest, spec_.source.mark.line, spec_.source.mark.column}));
  }
  if (history_.pinned && history_.pinned->to_string() != ready->found.digest) {
    return fail(
        Code::kFailedPrecondition,
        fmt::format(
            "the workload is pinned to {}, which does not start from the store, and the source has {}; "
            "bring that version back, or remove histories/{}.json from the store",
            history_.pinned->to_string(), ready->found.digest, record_name_));
  }
  const host::Found found = ready->found;
  const auto refused = std::ranges::find(
      history_.refused, found.digest, [](const artifact::RefusedVersion& r) { return r.digest.to_string(); });
  if (refused != history_.refused.end()) {
    services_.log.warn("there is no other version than one that was shut out",
                       {{"workload", spec_.name}, {"version", found.digest}, {"reason", refused->reason}});
  }
  BERTH_TRY(serve(std::move(*ready)));
  change_history([&](History& h) -> Result<> {
    if (h.policy == origin_->policy_name()) return {};
    h.good.clear();
    h.running.reset();
    h.held.reset();
    h.policy = origin_->policy_name();  // this version was verified under it
    return {};
  });
  record({.what = What::kGood,
          .at = std::chrono::system_clock::now(),
          .digest = found.digest,
          .source = found.source,
          .release = found.release,
          .reason = {}});
  return {};
}

Result<> Served::recall() {
  auto history = services_.store.history(record_name_);
  if (!history && history.error().code() == Code::kFailedPrecondition) {
    services_.log.error("the record of the workload is damaged and is begun anew",
                        {{"workload", spec_.name}, {"error", history.error().message()}});
    BERTH_TRY(services_.store.forget_history(record_name_));
  } else if (!history && history.error().code() != Code::kNotFound) {
    // It may hold a pin, or versions that are shut out.
    return fail(std::move(history).error().context("reading the record of the workload"));
  }
  if (history) history_ = std::move(*history);
  // What the source wants to be reminded of is of that source.
  if (history_.source == origin_->shown()) fetched_ = history_.fetched;
  return {};
}

Result<Served::Ready> Served::from_store(const Digest& digest) const {
  Artifact artifact{.source = reference_of(digest), .digest = digest, .media_type = {}, .bytes = {}};
  auto version = services_.loader.load_stored(artifact, request_);
  if (!version) {
    artifact = BERTH_TRY(read(digest, artifact.source));
    version = services_.loader.load(artifact, request_);
  }
  if (!version) return fail(std::move(version).error());
  return Ready{.found = {.digest = digest.to_string(),
                         .source = artifact.source,
                         .release = release_of(artifact.source)},
               .version = std::move(*version)};
}

Result<Served::Ready> Served::from_source() {
  const auto found = fetch({});
  if (!found) return fail(found.error());
  const auto at_workload = [&](Error error) {
    return fail(std::move(error).at({services_.manifest, spec_.mark.line, spec_.mark.column}));
  };
  auto verified = verify(**found, {});
  if (!verified) return at_workload(std::move(verified).error());
  const Artifact artifact = BERTH_TRY(read(BERTH_TRY(Digest::parse((*found)->digest)), (*found)->source));
  auto version = services_.loader.load(artifact, request_);
  if (!version) return at_workload(std::move(version).error());
  return Ready{.found = **found, .version = std::move(*version)};
}

Result<> Served::serve(Ready ready) {
  const auto begin = Clock::now();
  workload_ = BERTH_TRY(
      services_.host.start({.name = spec_.name,
                            .instances = policy_of(spec_),
                            .limits = request_.limits,
                            .handover = spec_.handover ? host::Handover::kAuto : host::Handover::kOff,
                            .canary_by = canary_by(spec_.update),
                            .drain = spec_.update.drain},
                           ready.version));
  make_rollout(ready);
  services_.log.info("loaded", {{"workload", spec_.name},
                                {"version", short_digest(ready.found.digest)},
                                {"source", ready.found.source},
                                {"tier", host::tier_name(ready.version->about().tier)},
                                {"ms", milliseconds_since(begin)}});
  improve_later();
  return {};
}

void Served::make_rollout(const Ready& ready) {
  host::Remembered remembered{.running = ready.found,
                              .imports = host::imports_of(ready.version->component().shape()),
                              .pinned = history_.pinned ? history_.pinned->to_string() : std::string(),
                              .shut_out = {},
                              .accepted = {}};
  // The latest first there, last here.
  for (const artifact::RefusedVersion& r : history_.refused)
    remembered.shut_out.insert(remembered.shut_out.begin(), {r.digest.to_string(), r.reason, r.since});
  for (const Digest& digest : history_.accepted) remembered.accepted.push_back(digest.to_string());
  rollout_ = host::Rollout::create(
      workload_, update_plan(spec_.update),
      {.fetch = [this](const std::stop_token& stop) { return fetch(stop); },
       .verify = [this](const host::Found& found,
                        const std::stop_token& stop) { return verify(found, stop); },
       .compile = [this](const host::Found& found,
                         const std::stop_token& stop) { return compile(found, stop); }},
      {.workers = services_.workers,
       .at = [timer = services_.host.timer()](
                 Clock::time_point when,
                 std::move_only_function<void()> work) { timer->at(when, std::move(work)); },
       .now = [] { return Clock::now(); },
       .chance = chance,
       .log = &services_.log,
       .record = [this](const host::UpdateRecord& r) { record(r); }},
      std::move(remembered));
}

void Served::begin_updates() {
  rollout_->start();
  if (look_at_once_) rollout_->look();
  if (!watch_) return;
  watching_ = std::jthread([this] {
    using Event = artifact::FileWatch::Event;
    constexpr std::chrono::hours kForever{1};
    for (Event event; (event = watch_->wait(kForever)) != Event::kStopped;)
      if (event == Event::kChanged) rollout_->look();
  });
}

void Served::stop_updates() {
  if (watch_) watch_->stop();
  if (watching_.joinable()) watching_.join();
  if (rollout_) rollout_->stop();
}

// ---- the steps of an update ---------------------------------------------------------------------

Result<std::optional<host::Found>> Served::fetch(const std::stop_token& stop) {
  artifact::FetchRequest request{.known = {}, .expected = {}, .max_bytes = artifact::kMaxArtifactBytes};
  std::optional<Digest> passed_over;
  {
    const std::lock_guard lock(mutex_);
    request.known = fetched_;
    passed_over = passed_over_;
  }
  artifact::Lease lease;
  if (request.known) {
    auto kept = services_.store.keep_blob(request.known->digest);
    if (kept) {
      lease = std::move(*kept);
    } else {
      request.known.reset();  // its bytes are gone
    }
  }
  LazyBlob blob(services_.store);
  auto outcome = BERTH_TRY(origin_->fetch(request, blob, stop));
  artifact::Known now;
  if (auto* unchanged = std::get_if<artifact::Unchanged>(&outcome)) {
    now = {.digest = request.known->digest, .validators = std::move(unchanged->validators)};
  } else {
    auto& fetched = std::get<artifact::Fetched>(outcome);
    lease = BERTH_TRY(blob.commit(fetched.digest)).lease;
    now = {.digest = fetched.digest, .validators = std::move(fetched.validators)};
  }
  bool changed = false;
  {
    const std::lock_guard lock(mutex_);
    changed = fetched_ != now;
    fetched_ = now;
    lease_ = std::move(lease);
    if (passed_over == now.digest) return std::nullopt;
    passed_over_.reset();
  }
  if (changed) {
    change_history([&](History& h) -> Result<> {
      h.source = origin_->shown();
      h.fetched = now;
      return {};
    });
  }
  const std::string source = origin_->shown();
  return host::Found{.digest = now.digest.to_string(), .source = source, .release = release_of(source)};
}

Result<> Served::verify(const host::Found& found, const std::stop_token& stop) {
  if (origin_->policy_name().empty()) return {};
  artifact::Validators validators;
  {
    const std::lock_guard lock(mutex_);
    validators = fetched_->validators;
  }
  return origin_->verify(BERTH_TRY(read(BERTH_TRY(Digest::parse(found.digest)), found.source)), validators,
                         stop);
}

Result<host::Built> Served::compile(const host::Found& found, const std::stop_token& stop) const {
  return build(BERTH_TRY(read(BERTH_TRY(Digest::parse(found.digest)), found.source)), stop);
}

Result<host::Built> Served::build(const Artifact& artifact, const std::stop_token& stop) const {
  const auto version = BERTH_TRY(services_.loader.load(artifact, request_, stop));
  host::Built out{
      .version = version, .shadow = nullptr, .imports = host::imports_of(version->component().shape())};
  if (!spec_.update.shadow) return out;
  host::LoadRequest silent = request_;
  silent.grants = host::shadow_grants(request_.grants);
  auto shadow = services_.loader.load(artifact, silent, stop);
  if (shadow) {
    out.shadow = std::move(*shadow);
  } else if (shadow.error().code() != Code::kPermissionDenied) {  // it uses a grant that has no shadow
    return fail(std::move(shadow).error());
  }
  return out;
}

Result<Artifact> Served::read(const Digest& digest, std::string source) const {
  artifact::Blob blob = BERTH_TRY(services_.store.read_blob(digest, artifact::kMaxArtifactBytes));
  return Artifact{
      .source = std::move(source), .digest = digest, .media_type = {}, .bytes = std::move(blob.bytes)};
}

void Served::improve_later() const {
  const host::VersionStatus current = workload_->status().current;
  if (current.tier != host::Tier::kWinch) return;
  const auto digest = Digest::parse(current.digest);
  if (!digest) return;
  auto artifact = read(*digest, current.source);
  if (!artifact) {
    services_.log.warn("better code is not made: the component is not in the store",
                       {{"workload", spec_.name}, {"error", artifact.error().message()}});
    return;
  }
  services_.improver.add(workload_, std::move(*artifact), request_);
}

// ---- the record ---------------------------------------------------------------------------------

void Served::change_history(const std::function<Result<>(History&)>& change) {
  auto changed = services_.store.update_history(record_name_, change);
  if (!changed) {
    // What runs goes on; what a restart would begin with is older.
    services_.log.error("the record of the workload cannot be written",
                        {{"workload", spec_.name}, {"error", changed.error().message()}});
    return;
  }
  const std::lock_guard lock(mutex_);
  history_ = std::move(*changed);
}

void Served::record(const host::UpdateRecord& record) {
  if (record.what == What::kPublished) {
    if (const auto swap = workload_->status().last_swap)
      services_.log.info(swap_text(to_json(*swap)), {{"workload", spec_.name}, {"source", record.source}});
  }
  if (record.what == What::kPublished || record.what == What::kRolledBack) improve_later();
  const auto digest = Digest::parse(record.digest);
  if (!digest) return;  // refused before anything was fetched
  const auto now = seconds(record.at);
  change_history([&](History& h) -> Result<> {
    switch (record.what) {
      case What::kPublished:
        h.running = *digest;
        if (h.held && h.held->digest == *digest) h.held.reset();
        break;
      case What::kGood:
        h.running = *digest;
        h.remember_good({.digest = *digest, .reference = record.source, .since = now}, services_.keep);
        break;
      case What::kHeld: h.held = {.digest = *digest, .reason = record.reason, .since = now}; break;
      case What::kAccepted: h.accept(*digest); break;
      case What::kRolledBack:
        h.refuse({.digest = *digest, .reason = record.reason, .since = now});
        if (h.running == *digest)
          h.running = h.good.empty() ? std::nullopt : std::optional(h.good.front().digest);
        break;
      case What::kReplaced:
        if (h.held && h.held->digest == *digest) h.held.reset();
        break;
      case What::kPinned: h.pinned = *digest; break;
      case What::kUnpinned: h.pinned.reset(); break;
      case What::kAllowed:
        std::erase_if(h.refused, [&](const artifact::RefusedVersion& r) { return r.digest == *digest; });
        break;
      case What::kRefused: break;
    }
    return {};
  });
}

std::string Served::reference_of(const Digest& digest) const {
  const std::lock_guard lock(mutex_);
  const auto good = std::ranges::find(history_.good, digest, &artifact::GoodVersion::digest);
  return good != history_.good.end() ? good->reference : origin_->shown();
}

// ---- operators ----------------------------------------------------------------------------------

Result<Json> Served::swap(const std::filesystem::path& file) {
  const std::lock_guard operating(operating_);
  const Artifact artifact = BERTH_TRY(artifact::read_artifact(file));
  const std::string digest = artifact.digest.to_string();
  if (digest == workload_->status().current.digest) {
    services_.log.info(
        "unchanged", {{"workload", spec_.name}, {"version", short_digest(digest)}, {"file", file.string()}});
    return to_json(
        host::SwapReport{.from = digest, .to = digest, .ok = true, .at = std::chrono::system_clock::now()});
  }
  BERTH_TRY(origin_->verify_file(artifact, file));
  const auto stored = BERTH_TRY(services_.store.put_blob(artifact.bytes, artifact.digest));
  const host::Built built = BERTH_TRY(build(artifact, {}));
  const auto report = BERTH_TRY(
      rollout_->replace({.digest = digest, .source = artifact.source, .release = {}}, built, std::nullopt));
  const std::lock_guard lock(mutex_);
  if (fetched_) passed_over_ = fetched_->digest;
  return to_json(report);
}

Result<Json> Served::accept(const Digest& digest) {
  const std::lock_guard operating(operating_);
  auto accepted = rollout_->accept(digest.to_string());
  if (!accepted && rollout_->allow(digest.to_string())) {
    rollout_->look();
    accepted = {};
  }
  if (!accepted) return fail(std::move(accepted).error());
  return update_status();
}

Result<host::SwapReport> Served::publish_stored(const Digest& digest, std::optional<std::string> shut_out) {
  {
    // The store also has what was fetched and refused, and what belongs to other workloads.
    const std::lock_guard lock(mutex_);
    if (std::ranges::find(history_.good, digest, &artifact::GoodVersion::digest) == history_.good.end()) {
      return fail(Code::kNotFound,
                  fmt::format("workload {}: the record has no good version {}; see `berth history {}`",
                              spec_.name, digest.to_string(), spec_.name));
    }
  }
  auto ready = from_store(digest);
  if (!ready) return fail(std::move(ready).error().context("publishing " + digest.to_string()));
  auto report = rollout_->replace(ready->found,
                                  {.version = ready->version,
                                   .shadow = nullptr,
                                   .imports = host::imports_of(ready->version->component().shape())},
                                  std::move(shut_out));
  if (!report) return report;
  const std::lock_guard lock(mutex_);
  if (fetched_ && fetched_->digest != digest) passed_over_ = fetched_->digest;
  return report;
}

Result<Json> Served::roll_back(const std::optional<Digest>& to) {
  const std::lock_guard operating(operating_);
  const std::string running = workload_->status().current.digest;
  if (!to) {
    auto done = rollout_->roll_back(std::string(kByOperator));
    if (done) return update_status();
    if (done.error().code() != Code::kFailedPrecondition) return fail(std::move(done).error());
  }
  std::optional<Digest> target = to;
  if (!target) {
    const std::lock_guard lock(mutex_);
    for (const artifact::GoodVersion& good : history_.good) {
      if (good.digest.to_string() == running) continue;
      target = good.digest;
      break;
    }
  }
  if (!target) {
    return fail(
        Code::kFailedPrecondition,
        fmt::format("workload {}: the record has no earlier version that was good; see `berth history "
                    "{}`",
                    spec_.name, spec_.name));
  }
  if (target->to_string() == running)
    return fail(Code::kFailedPrecondition,
                fmt::format("workload {}: {} serves already", spec_.name, running));
  BERTH_TRY(publish_stored(*target, std::string(kByOperator)));
  return update_status();
}

Result<Json> Served::pin(const std::optional<Digest>& digest) {
  const std::lock_guard operating(operating_);
  const std::string running = workload_->status().current.digest;
  if (digest && digest->to_string() != running) BERTH_TRY(publish_stored(*digest, std::nullopt));
  rollout_->pin(digest ? digest->to_string() : running);
  return update_status();
}

Result<Json> Served::unpin() {
  const std::lock_guard operating(operating_);
  rollout_->pin({});
  {
    const std::lock_guard lock(mutex_);
    passed_over_.reset();
  }
  rollout_->look();
  return update_status();
}

Json Served::update_status() const {
  Json out = to_json(rollout_->status());
  out["source"] = origin_->shown();
  return out;
}

Result<Json> Served::history() const {
  const History h = BERTH_TRY(services_.store.history(record_name_));
  const auto refused = [](const artifact::RefusedVersion& r) {
    return Json{{"digest", r.digest.to_string()}, {"reason", r.reason}, {"since", time_text(r.since)}};
  };
  Json out = {{"workload", spec_.name},
              {"source", h.source},
              {"running", workload_->status().current.digest},
              {"pinned", h.pinned ? Json(h.pinned->to_string()) : Json()},
              {"good", Json::array()},
              {"refused", Json::array()},
              {"held", h.held ? refused(*h.held) : Json()},
              {"accepted", Json::array()}};
  for (const artifact::GoodVersion& g : h.good) {
    out["good"].push_back(
        {{"digest", g.digest.to_string()}, {"reference", g.reference}, {"since", time_text(g.since)}});
  }
  for (const artifact::RefusedVersion& r : h.refused) out["refused"].push_back(refused(r));
  for (const Digest& digest : h.accepted) out["accepted"].push_back(digest.to_string());
  return out;
}

}  // namespace berth::cli
