// Host: the workloads of a manifest, running in this process.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "berth/state_store.h"

namespace berth {

// What `berth up` runs, with the manifest's grants, limits, signatures and updates, but without anything
// that listens: no triggers, no /metrics, no control socket. Its log goes where the manifest says.
//
// Thread-safe. Not to be made or destroyed on a thread that a workload's capability runs on.
class Host final {
 public:
  // `berth` is the program of the same version; it compiles components, each in a process of its own with
  // limits. Empty: the one beside this program, or the first on PATH. Blocks while components are fetched and
  // compiled.
  //  kInvalidArgument: the manifest is wrong; the message has each problem with its line.
  //  kFailedPrecondition: there is no berth. Otherwise the first workload's error.
  [[nodiscard]] static Result<std::unique_ptr<Host>> start(const std::filesystem::path& manifest,
                                                           const std::filesystem::path& berth = {});
  // Lets calls in progress finish within the workloads' drain time, and cancels the rest. Blocks.
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // The store of the trigger `state` with this name. kNotFound.
  [[nodiscard]] Result<StateStore> state_store(std::string_view name) const;
  // Replaces a workload's component by the one in a file, as `berth swap` does; its calls go on, and its
  // state is handed over. Blocks. What fails leaves the running one as it was.
  Result<void> swap(std::string_view workload, const std::filesystem::path& component) const;

 private:
  class Impl;
  explicit Host(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace berth
