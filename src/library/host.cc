// Host: a RunningHost that listens nowhere.
#include "berth/host.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "applications/statestore/native/limits.h"
#include "applications/statestore/native/purging.h"
#include "applications/statestore/native/state_request.h"
#include "applications/statestore/native/state_trigger.h"
#include "applications/statestore/native/workload_store.h"
#include "cli/known.h"
#include "cli/running_host.h"
#include "library/state_store.h"
#include "manifest/problems.h"

namespace berth {

// In the order in which they need each other.
class Host::Impl final {
 public:
  Impl(std::unique_ptr<cli::Known> known, manifest::Manifest loaded)
      : known(std::move(known)), manifest(std::move(loaded)), log(cli::log_options(manifest.telemetry)) {}

  const std::unique_ptr<cli::Known> known;
  const manifest::Manifest manifest;
  telemetry::Logger log;
  std::unique_ptr<cli::RunningHost> host;
  std::vector<std::pair<std::string, std::shared_ptr<const StateStore::Impl>>> stores;  // by trigger's name
};

Host::Host(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Host::~Host() = default;

namespace {

// Never this program itself: it would start another host in place of a compiler.
Result<std::filesystem::path> find_berth(const std::filesystem::path& given) {
  if (!given.empty()) return given;
  std::error_code error;
  const auto beside = std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "berth";
  if (::access(beside.c_str(), X_OK) == 0) return beside;
  const char* const path = std::getenv("PATH");
  std::string_view folders(path != nullptr ? path : "");
  while (!folders.empty()) {
    const std::string_view folder = folders.substr(0, folders.find(':'));
    folders.remove_prefix(std::min(folder.size() + 1, folders.size()));
    if (folder.empty()) continue;
    const auto found = std::filesystem::path(folder) / "berth";
    if (::access(found.c_str(), X_OK) == 0) return found;
  }
  return fail(
      Code::kFailedPrecondition,
      "components are compiled by the program berth, which is neither beside this program nor on PATH; "
      "install it there, or give its path to Host::start");
}

}  // namespace

Result<std::unique_ptr<Host>> Host::start(const std::filesystem::path& file,
                                          const std::filesystem::path& berth) {
  auto known = std::make_unique<cli::Known>();
  auto loaded = manifest::load(file, known->options());
  if (!loaded) {
    std::string all;
    for (const Error& error : loaded.error().errors())
      all.append(all.empty() ? "" : "\n").append(error.to_string());
    return fail(Code::kInvalidArgument, std::move(all));
  }
  auto impl = std::make_unique<Impl>(std::move(known), *std::move(loaded));
  impl->host = BERTH_TRY(cli::RunningHost::start(
      impl->manifest, *impl->known, impl->log, {.listens = false, .compiler = BERTH_TRY(find_berth(berth))}));
  for (const manifest::Workload& w : impl->manifest.workloads) {
    std::shared_ptr<statestore::WorkloadStore> store;
    for (const manifest::Trigger& trigger : w.triggers) {
      if (trigger.name != "state") continue;
      manifest::Problems problems(impl->manifest.file);
      const auto read = statestore::read_state_trigger(trigger.value, "state", problems);
      if (!read) return fail(problems.to_error());
      if (store == nullptr) {
        cli::Served* const served = BERTH_TRY(impl->host->workload(w.name));
        store = std::make_shared<statestore::WorkloadStore>(
            BERTH_TRY(host::Typed<statestore::Store>::of(served->workload())));
        statestore::keep_purging(impl->host->io(), impl->log, w.name, store, statestore::kPurgeEvery);
      }
      impl->stores.emplace_back(read->store, std::make_shared<const StateStore::Impl>(
                                                 store, statestore::KeySpace(read->app_id).prefix()));
    }
  }
  return std::unique_ptr<Host>(new Host(std::move(impl)));
}

Result<StateStore> Host::state_store(std::string_view name) const {
  for (const auto& [known, store] : impl_->stores) {
    if (known == name) return StateStore(store);
  }
  return fail(Code::kNotFound,
              "no state trigger of " + impl_->manifest.file + " has store: " + std::string(name));
}

Result<void> Host::swap(std::string_view workload, const std::filesystem::path& component) const {
  cli::Served* const served = BERTH_TRY(impl_->host->workload(workload));
  BERTH_TRY(served->swap(component));
  return {};
}

}  // namespace berth
