// Triggers: the list.
#include "cli/triggers.h"

namespace berth::cli {

std::vector<TriggerKind> all_trigger_kinds() { return {}; }

}  // namespace berth::cli
