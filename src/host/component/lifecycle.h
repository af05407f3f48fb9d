// Lifecycle: calls of berth:lifecycle/probe and berth:lifecycle/handover in a component.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "abi/component.h"
#include "abi/export.h"
#include "abi/instance.h"
#include "abi/linker.h"
#include "base/error.h"
#include "host/version.h"

namespace berth::host {

// Which of the contract's functions one component has (wit/lifecycle). Immutable, so any thread may
// use it; its calls follow the instance's rule.
class Lifecycle final {
 public:
  // kFailedPrecondition: an interface of that name with other functions or types.
  [[nodiscard]] static Result<Lifecycle> find(const abi::Pre& pre);

  [[nodiscard]] bool has_probe() const { return probe_.handle != nullptr; }
  [[nodiscard]] bool has_handover() const { return save_.handle != nullptr; }

  // Each blocks for at most `deadline`, also where the guest waits in host functions. kGuestError:
  // the guest answered with an error.
  [[nodiscard]] Result<void> probe(abi::Instance& instance, Deadline deadline) const;
  [[nodiscard]] Result<std::vector<std::uint8_t>> save(abi::Instance& instance, Deadline deadline) const;
  [[nodiscard]] Result<void> restore(abi::Instance& instance, std::span<const std::uint8_t> state,
                                     Deadline deadline) const;

 private:
  abi::Function probe_;
  abi::Function save_;
  abi::Function restore_;
};

}  // namespace berth::host
