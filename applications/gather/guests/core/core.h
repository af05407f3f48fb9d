// The gatherers of plain Kubernetes that do more than put objects into records.
#pragma once

#include "gatherer.h"

namespace gather {

Outcome config_maps(Run& run, const Gatherer&);
Outcome container_images(Run& run, const Gatherer&);
Outcome containers_logs(Run& run, const Gatherer&);
Outcome events(Run& run, const Gatherer&);
Outcome failing_pods(Run& run, const Gatherer&);
Outcome logs_of_namespace(Run& run, const Gatherer&);
Outcome pod_definition(Run& run, const Gatherer&);
Outcome server_version(Run& run, const Gatherer&);
Outcome service_accounts(Run& run, const Gatherer&);
Outcome workload_info(Run& run, const Gatherer&);

}  // namespace gather
