// The trigger `gather`: an agent for all workloads that have it.
#pragma once

#include <optional>
#include <vector>

#include "applications/gather/native/run.h"
#include "applications/gather/native/settings.h"
#include "base/error.h"
#include "cli/triggers.h"
#include "manifest/manifest.h"

namespace berth::cli {

[[nodiscard]] TriggerKind gather_trigger();

// The section `gather` of a manifest; nothing where there is none.
[[nodiscard]] std::optional<gather::Settings> gather_settings(const manifest::Manifest& manifest);

// The workloads of these triggers as the agent sees them. `specs` were accepted by the parser.
[[nodiscard]] Result<std::vector<gather::Source>> gather_sources(const std::vector<TriggerSpec>& specs);

}  // namespace berth::cli
