// Known: the capabilities and triggers of this build, by their manifest keys.
#pragma once

#include <string_view>
#include <vector>

#include "capabilities/grants/capability.h"
#include "cli/triggers.h"
#include "host/capability.h"
#include "manifest/manifest.h"
#include "manifest/schema.h"

namespace berth::cli {

// The only place that names every capability and every application.
// Immutable; must outlive what options() returned.
class Known final {
 public:
  Known();
  Known(const Known&) = delete;
  Known& operator=(const Known&) = delete;

  // What a refusal needs to name the line that would allow an import.
  [[nodiscard]] std::vector<host::CapabilityInfo> offered() const;
  // The capability and the trigger of a key that `options()` accepted.
  [[nodiscard]] const grants::Capability& capability(std::string_view name) const;
  [[nodiscard]] const TriggerKind& trigger(std::string_view name) const;
  [[nodiscard]] manifest::LoadOptions options() const { return {grants_, triggers_, sections_}; }

 private:
  std::vector<grants::Capability> capabilities_;
  std::vector<TriggerKind> trigger_kinds_;
  std::vector<manifest::Extension> grants_;
  std::vector<manifest::Extension> triggers_;
  std::vector<manifest::Extension> sections_;
};

}  // namespace berth::cli
