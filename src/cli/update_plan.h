// What a manifest says about updates, as the host takes it.
#pragma once

#include "host/spec.h"
#include "host/update/plan.h"
#include "manifest/manifest.h"

namespace berth::cli {

[[nodiscard]] host::UpdatePlan update_plan(const manifest::Update& update);
[[nodiscard]] host::CanaryBy canary_by(const manifest::Update& update);

}  // namespace berth::cli
