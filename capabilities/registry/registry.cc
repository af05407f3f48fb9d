// registry: the list.
#include "capabilities/registry/registry.h"

#include "capabilities/cli/grants.h"
#include "capabilities/clocks/grants.h"
#include "capabilities/config/grants.h"
#include "capabilities/filesystem/grants.h"
#include "capabilities/http/grants.h"
#include "capabilities/keyvalue/grants.h"
#include "capabilities/kubernetes/grants.h"
#include "capabilities/logging/grants.h"
#include "capabilities/metrics/grants.h"
#include "capabilities/random/grants.h"
#include "capabilities/sockets/grants.h"

namespace berth::registry {

std::vector<grants::Capability> capabilities() {
  return {clocks::capability(),  random::capability(), filesystem::capability(), sockets::capability(),
          http::capability(),    config::capability(), keyvalue::capability(),   kubernetes::capability(),
          logging::capability(), metrics::capability()};
}

std::shared_ptr<const host::Grant> base_grant(const grants::Services& services) {
  return cli_streams::base_grant(services);
}

bool base_covers(std::string_view interface) { return cli_streams::base_covers(interface); }

}  // namespace berth::registry
