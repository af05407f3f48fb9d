// Loader: from the bytes of a component to a version that a workload can serve.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "abi/component.h"
#include "abi/engine.h"
#include "artifact/artifact.h"
#include "base/error.h"
#include "base/executor.h"
#include "host/capability.h"
#include "host/component/binder.h"
#include "host/component/component_version.h"
#include "host/component/tiers.h"
#include "host/spec.h"

namespace berth::host {

// What one workload lends to its versions. Plain value.
struct LoadRequest {
  std::string workload;  // for messages
  Grants grants;
  WorkloadLimits limits;
  Binder binder;
  std::vector<std::string> args;
  std::vector<std::string> env;  // "KEY=VALUE"
  bool inherit_stdio = false;    // the guest writes to this process's own output
};

// What the component in the artifact imports and exports, without compiling it: functions have no type.
// Blocks. Errors as Loader::compile's, but for what only compiling finds.
[[nodiscard]] Result<abi::Shape> read_shape(const artifact::Artifact& artifact);

// Owns nothing but its references to the engine; loading never blocks a call.
// Thread-safe. All methods block; each can be called while workloads run.
class Loader final {
 public:
  // `offered`: every capability of this program, to say how an import could be allowed.
  // Without `tiers`, components are compiled in this process, with the engine's compiler and without limits:
  // for tests and programs that run what their own user gives them. Otherwise as its owner wants it.
  Loader(std::shared_ptr<const abi::Engine> engine, Executor& executor, std::vector<CapabilityInfo> offered,
         const Tiers* tiers = nullptr)
      : engine_(std::move(engine)), executor_(executor), offered_(std::move(offered)), tiers_(tiers) {}

  // Gets the code soonest (Tiers::quick), checks that every import is covered and that everything is
  // exported which the binder wants, and links. A preview-1 core module is adapted first.
  //  kInvalidArgument: neither a component nor such a module, or malformed.
  //  kPermissionDenied: an import that no grant covers; the message names the manifest line.
  //  kFailedPrecondition: an import or export of another type; the message shows both.
  //  Otherwise as Tiers.
  [[nodiscard]] Result<std::shared_ptr<const ComponentVersion>> load(const artifact::Artifact& artifact,
                                                                     const LoadRequest& request,
                                                                     const std::stop_token& stop = {}) const;
  // The same with the best code (Tiers::best), however long it takes.
  [[nodiscard]] Result<std::shared_ptr<const ComponentVersion>> load_best(const artifact::Artifact& artifact,
                                                                          const LoadRequest& request,
                                                                          const std::stop_token& stop) const;
  // From the store alone; of `artifact` only the names are used. kNotFound: it is not there.
  [[nodiscard]] Result<std::shared_ptr<const ComponentVersion>> load_stored(
      const artifact::Artifact& artifact, const LoadRequest& request) const;

  [[nodiscard]] const abi::Engine& engine() const { return *engine_; }

 private:
  Result<Compiled> compile_here(const artifact::Artifact& artifact) const;
  Result<std::shared_ptr<const ComponentVersion>> link(const artifact::Artifact& artifact,
                                                       Result<Compiled> code,
                                                       const LoadRequest& request) const;
  Result<ComponentParts> parts_of(const artifact::Artifact& artifact, Compiled code,
                                  const LoadRequest& request) const;

  std::shared_ptr<const abi::Engine> engine_;
  Executor& executor_;
  std::vector<CapabilityInfo> offered_;
  const Tiers* tiers_;
};

}  // namespace berth::host
