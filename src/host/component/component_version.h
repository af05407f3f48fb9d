// ComponentVersion: a version that is a WebAssembly component, linked with what it was granted.
#pragma once

#include <memory>

#include "abi/instance.h"
#include "abi/linker.h"
#include "host/capability.h"
#include "host/component/binder.h"
#include "host/component/lifecycle.h"
#include "host/spec.h"
#include "host/version.h"

namespace berth::host {

// What every instance of one version is made from. Plain value.
struct ComponentParts {
  std::shared_ptr<const void> keep;  // the file of its code; before what is mapped from it
  std::shared_ptr<const abi::Pre> pre;
  Grants grants;  // those that the component needs
  Binder binder;
  Lifecycle lifecycle;
  abi::WasiOptions wasi;
  bool needs_wasi = false;
  std::shared_ptr<const WasiSettings> outside;  // the grants' decisions
  WorkloadLimits limits;
  Executor* executor = nullptr;  // runs its fibres; outlives the version
};

// Immutable, so any thread may use it.
class ComponentVersion final : public Version {
 public:
  ComponentVersion(About about, ComponentParts parts) : Version(std::move(about)), parts_(std::move(parts)) {}

  [[nodiscard]] const abi::Component& component() const { return parts_.pre->component(); }

  [[nodiscard]] Result<std::unique_ptr<Guest>> instantiate(Deadline deadline) const override;
  [[nodiscard]] Task<Result<std::unique_ptr<Guest>>> instantiate_async(
      Deadline deadline, std::function<void(Canceller)> starting) const override;

 private:
  [[nodiscard]] std::shared_ptr<abi::InstanceState> new_state() const;
  [[nodiscard]] abi::InstanceOptions options(Deadline deadline) const;
  [[nodiscard]] Result<std::unique_ptr<Guest>> bind(std::unique_ptr<abi::Instance> instance) const;
  [[nodiscard]] Task<Result<void>> begin(Guest& guest, Deadline deadline) const;

  ComponentParts parts_;
};

}  // namespace berth::host
