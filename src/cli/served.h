// Served: one workload of a manifest while it runs: its code from the store or its source, its updates, its
// record.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include "artifact/artifact.h"
#include "artifact/file_watch.h"
#include "artifact/store/store.h"
#include "base/error.h"
#include "base/executor.h"
#include "cli/control.h"
#include "cli/origin.h"
#include "host/component/improver.h"
#include "host/component/loader.h"
#include "host/host.h"
#include "host/update/rollout.h"
#include "manifest/manifest.h"
#include "telemetry/log.h"

namespace berth::cli {

// What all workloads of one host share. References outlive every Served.
struct ServedServices {
  telemetry::Logger& log;
  const host::Loader& loader;
  host::Host& host;
  host::Improver& improver;
  const artifact::Store& store;
  Executor& workers;
  std::uint32_t keep;    // good versions of each
  std::string manifest;  // its file's path: two manifests may have a workload of the same name
};

// Thread-safe. Methods block unless they say otherwise.
class Served final {
 public:
  // Starts the last good version that the store has, so that a host starts without its sources and never with
  // what it was about to try; without one, what the source has. Updates do not begin yet.
  [[nodiscard]] static Result<std::unique_ptr<Served>> start(const manifest::Workload& spec,
                                                             host::LoadRequest request,
                                                             std::unique_ptr<Origin> origin,
                                                             ServedServices services);
  // stop_updates().
  ~Served();
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

  // Looks at the source by its schedule, when its file changes, and now if the store's version was started.
  void begin_updates();
  void stop_updates();
  // Waits until no step of an update runs and the record is written.
  void rest() { rollout_->rest(); }

  [[nodiscard]] const std::shared_ptr<host::Workload>& workload() const { return workload_; }

  // ---- what operators ask for
  // Publishes a file until the source changes.
  [[nodiscard]] Result<Json> swap(const std::filesystem::path& file);
  // Looks at the source. Returns at once.
  void look() { rollout_->look(); }
  // Lets a held update go on, or one that was shut out be taken again.
  [[nodiscard]] Result<Json> accept(const artifact::Digest& digest);
  // Gives up what is on trial or was just published; else publishes `to`, or the good version before this
  // one.
  [[nodiscard]] Result<Json> roll_back(const std::optional<artifact::Digest>& to);
  // Takes no other version than `digest`, or than the one that serves.
  [[nodiscard]] Result<Json> pin(const std::optional<artifact::Digest>& digest);
  [[nodiscard]] Result<Json> unpin();
  [[nodiscard]] Result<Json> history() const;
  // What belongs under "update" in the status.
  [[nodiscard]] Json update_status() const;

 private:
  Served(const manifest::Workload& spec, host::LoadRequest request, std::unique_ptr<Origin> origin,
         ServedServices services);

  // What serves is made of this.
  struct Ready {
    host::Found found;
    std::shared_ptr<const host::ComponentVersion> version;
  };
  Result<> begin();
  Result<> recall();
  Result<Ready> from_store(const artifact::Digest& digest) const;
  Result<Ready> from_source();
  Result<> serve(Ready ready);
  void make_rollout(const Ready& ready);

  // The steps of an update.
  Result<std::optional<host::Found>> fetch(const std::stop_token& stop);
  Result<> verify(const host::Found& found, const std::stop_token& stop);
  Result<host::Built> compile(const host::Found& found, const std::stop_token& stop) const;

  void record(const host::UpdateRecord& record);
  void change_history(const std::function<Result<>(artifact::History&)>& change);
  Result<artifact::Artifact> read(const artifact::Digest& digest, std::string source) const;
  Result<host::Built> build(const artifact::Artifact& artifact, const std::stop_token& stop) const;
  Result<host::SwapReport> publish_stored(const artifact::Digest& digest,
                                          std::optional<std::string> shut_out);
  [[nodiscard]] std::string reference_of(const artifact::Digest& digest) const;
  // Quick code that serves now is replaced by good code later.
  void improve_later() const;

  const manifest::Workload& spec_;
  const host::LoadRequest request_;
  const std::unique_ptr<Origin> origin_;
  const ServedServices services_;
  const std::string record_name_;

  std::shared_ptr<host::Workload> workload_;
  std::shared_ptr<host::Rollout> rollout_;
  bool look_at_once_ = false;
  std::mutex operating_;  // one request of an operator at a time

  mutable std::mutex mutex_;   // guards what follows
  artifact::History history_;  // as it was written last
  std::optional<artifact::Known> fetched_;
  artifact::Lease lease_;                        // of what was fetched, until the record names it
  std::optional<artifact::Digest> passed_over_;  // the source had it when an operator chose another

  std::optional<artifact::FileWatch> watch_;
  std::jthread watching_;
};

}  // namespace berth::cli
