// Conditional: what rules ask for in one period.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "applications/gather/native/cluster.h"
#include "applications/gather/native/gathering.h"
#include "applications/gather/native/run.h"
#include "applications/gather/native/settings.h"
#include "net/io_context.h"

namespace berth::gather {

// What a rule's conditions were asked of.
struct ConditionSources {
  net::IoContext& io;
  std::string user_agent;
  std::string version;  // of the cluster; empty: as `cluster` says
  Cluster* cluster = nullptr;
};

// Plain value.
struct Conditional {
  std::vector<Asked> asked;
  std::vector<OwnRecord> own;  // the rules, and which of them held
  std::string version;         // of the rules
  std::string problem;         // why other rules than those of the manifest hold; empty: they do not
};

// Reads the rules, and where that fails those that are built in; asks what conditions need, once each. A
// condition that cannot be asked does not hold, and the record about the rules says why. A function's
// gatherer is told its parameters, and in `alerts` the labels of the firing alert that they name. Container
// logs are the parameters of the gatherer `container_logs`: {"container_logs": [...]}. Blocks.
[[nodiscard]] Conditional evaluate_rules(const RuleSource& source, const ConditionSources& ask,
                                         const std::stop_token& stop);

}  // namespace berth::gather
