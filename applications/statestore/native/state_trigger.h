// The manifest's trigger `state`: which workload is served as which store, where.
#pragma once

#include <optional>
#include <string>

#include "applications/statestore/native/store.h"
#include "manifest/problems.h"
#include "manifest/schema.h"
#include "manifest/units.h"
#include "manifest/value.h"

namespace berth::statestore {

// Plain value.
struct StateTrigger {
  std::string store;                         // {store} in /v1.0/state/{store}
  std::optional<manifest::Endpoint> listen;  // triggers of one address share a server; nothing: no HTTP
  std::optional<manifest::Endpoint> grpc_listen;
  std::string component_socket;  // the folder of a socket for daprd, relative to the manifest's; empty: none
  std::string app_id;            // prefix of the keys; empty: none
  std::uint64_t max_body_bytes = 0;
  Settings settings;  // for the component
};

// Reads the value of `- state: {...}`. What is wrong is added to `problems`, and nothing returned.
[[nodiscard]] std::optional<StateTrigger> read_state_trigger(const manifest::Value& value,
                                                             const std::string& path,
                                                             manifest::Problems& problems);
[[nodiscard]] manifest::Extension state_extension();

}  // namespace berth::statestore
