// What a manifest says about updates, as the host takes it.
#include "cli/update_plan.h"

namespace berth::cli {
namespace {

std::optional<host::Tolerance> tolerance(const std::optional<manifest::Tolerance>& from) {
  if (!from) return std::nullopt;
  return host::Tolerance{.more = from->more, .factor = from->factor};
}

}  // namespace

host::UpdatePlan update_plan(const manifest::Update& update) {
  host::UpdatePlan plan{
      .schedule = {.every = update.every, .jitter = update.jitter, .backoff = update.backoff},
      .rollback = std::nullopt,
      .new_imports = update.hold ? host::NewImports::kHold : host::NewImports::kAllow,
      .downgrade = update.allow_downgrade ? host::Downgrade::kAllow : host::Downgrade::kRefuse};
  if (update.shadow) {
    plan.shadow = host::ShadowPlan{
        .share = update.shadow->percent, .time = update.shadow->time, .differ = update.shadow->differ};
  }
  if (update.canary)
    plan.canary = host::CanaryPlan{.share = update.canary->percent, .time = update.canary->time};
  if (update.rollback) {
    plan.rollback = host::RollbackRules{.errors = tolerance(update.rollback->errors),
                                        .latency = tolerance(update.rollback->latency),
                                        .within = update.rollback->within,
                                        .min_calls = update.rollback->min_calls};
  }
  return plan;
}

host::CanaryBy canary_by(const manifest::Update& update) {
  return update.canary && update.canary->by == manifest::CanaryBy::kKey ? host::CanaryBy::kKey
                                                                        : host::CanaryBy::kRandom;
}

}  // namespace berth::cli
