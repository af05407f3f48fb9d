// A period: what the manifest says, from rules to the archive.
#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "applications/gather/native/cluster.h"
#include "applications/gather/native/gathering.h"
#include "applications/gather/native/settings.h"
#include "base/error.h"
#include "net/io_context.h"

namespace berth::gather {

// References outlive the period. Plain value.
struct PeriodServices {
  net::IoContext& io;  // for requests
  Executor& workers;   // for gatherers
  Cluster* cluster;    // may be null: nobody to ask
  std::chrono::steady_clock::time_point program_began;
  std::function<void(const Progress&)> progress;  // may be empty
};

struct Period {
  Gathered gathered;
  std::string rules;          // their version; empty: none
  std::string rules_problem;  // why those that are built in hold
};

// Evaluates the rules, gathers, obfuscates. Blocks; errors as gather_once's.
[[nodiscard]] Result<Period> gather_period(const Settings& settings, const std::vector<Source>& sources,
                                           const std::filesystem::path& to, GatheringRequest::To kind,
                                           const PeriodServices& services, const std::stop_token& stop);

// The cluster's id as the manifest or the cluster says it; empty: nobody knows. Blocks.
[[nodiscard]] std::string cluster_id(const Settings& settings, Cluster* cluster);
// "berth cluster/ID"
[[nodiscard]] std::string user_agent(const std::string& cluster_id);

}  // namespace berth::gather
