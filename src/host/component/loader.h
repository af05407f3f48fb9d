// Loader: from the bytes of a component to a version that a workload can serve.
#pragma once

#include <memory>
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

// Owns nothing but its references to the engine; loading never blocks a call.
// Thread-safe. All methods block; each can be called while workloads run.
class Loader final {
 public:
  // `offered`: every capability of this program, to say how an import could be allowed.
  Loader(std::shared_ptr<const abi::Engine> engine, Executor& executor, std::vector<CapabilityInfo> offered)
      : engine_(std::move(engine)), executor_(executor), offered_(std::move(offered)) {}

  // Validates and compiles; a preview-1 core module is adapted first.
  //  kInvalidArgument: neither a component nor such a module, or malformed.
  [[nodiscard]] Result<std::shared_ptr<const abi::Component>> compile(
      const artifact::Artifact& artifact) const;

  // Is every import covered, and is everything exported that the binder wants? Links.
  //  kPermissionDenied: an import that no grant covers; the message names the manifest line.
  //  kFailedPrecondition: an import or export of another type; the message shows both.
  [[nodiscard]] Result<std::shared_ptr<const ComponentVersion>> link(
      const artifact::Artifact& artifact, std::shared_ptr<const abi::Component> component,
      const LoadRequest& request) const;

  // Both.
  [[nodiscard]] Result<std::shared_ptr<const ComponentVersion>> load(const artifact::Artifact& artifact,
                                                                     const LoadRequest& request) const;

  [[nodiscard]] const abi::Engine& engine() const { return *engine_; }

 private:
  std::shared_ptr<const abi::Engine> engine_;
  Executor& executor_;
  std::vector<CapabilityInfo> offered_;
};

}  // namespace berth::host
