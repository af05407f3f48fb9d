// Known: collected from the capabilities' and applications' folders.
#include "cli/known.h"

#include <fmt/format.h>

#include <algorithm>

#include "capabilities/registry/registry.h"

namespace berth::cli {

Known::Known()
    : capabilities_(registry::capabilities()),
      trigger_kinds_(all_trigger_kinds()),
      sections_(all_sections()) {
  for (const grants::Capability& capability : capabilities_) grants_.push_back(capability.extension());
  for (const TriggerKind& kind : trigger_kinds_) triggers_.push_back(kind.extension);
}

std::vector<host::CapabilityInfo> Known::offered() const {
  std::vector<host::CapabilityInfo> out;
  out.reserve(capabilities_.size());
  for (const grants::Capability& capability : capabilities_) out.push_back(capability.info);
  for (const TriggerKind& kind : trigger_kinds_) {
    if (kind.grant == nullptr) continue;
    out.push_back({.name = std::string(kind.extension.name),
                   .covers = [grant = kind.grant](std::string_view i) { return grant->covers(i); },
                   .grant_line = fmt::format("- {}", kind.extension.example),
                   .section = "triggers"});
  }
  return out;
}

const TriggerKind& Known::trigger(std::string_view name) const {
  return *std::ranges::find(trigger_kinds_, name, [](const TriggerKind& k) { return k.extension.name; });
}

const grants::Capability& Known::capability(std::string_view name) const {
  return *std::ranges::find(capabilities_, name, [](const grants::Capability& c) { return c.info.name; });
}

}  // namespace berth::cli
