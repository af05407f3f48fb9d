// The manifest's own sections: every key with its type, default, example and meaning.
#include "manifest/sections.h"

#include <array>

#include "manifest/manifest.h"

namespace berth::manifest {
namespace {

constexpr std::array kRootKeys = {
    Key{"workloads", "map of name to workload", "required", "{store: {source: \"file:store.wasm\"}}",
        "The components this host runs. A name has lower-case letters, digits and -."},
    Key{"telemetry", "map", "logs to standard error, no HTTP", "{listen: 127.0.0.1:9464}",
        "Logs and metrics."},
    Key{"control", "map", "the user's runtime folder", "{socket: /run/berth/control.sock}",
        "How `berth status`, `swap` and `logs` reach this host."},
};

constexpr std::array kWorkloadKeys = {
    Key{"source", "text", "required", "file:store.wasm",
        "The component: `file:` and a path, relative to the manifest's folder."},
    Key{"instances", "fresh, one or {pool: N}", "fresh", "one",
        "`fresh`: a new instance for each call. `one`: a single long-lived instance, calls take turns. "
        "`{pool: N}`: up "
        "to N instances, reused from call to call. After a trap an instance is never used again."},
    Key{"limits", "map", "see below", "{memory: 64MiB, call: 30s}", "What it may use."},
    Key{"grants", "map of capability to its section", "{}", "{logging: {}}",
        "What it may do. A capability that is not here is denied, and a component that imports it does not "
        "start."},
    Key{"update", "map", "{watch: true}", "{watch: true, drain: 30s}",
        "When and how another version replaces it."},
    Key{"handover", "auto or off", "auto", "auto",
        "`auto`: where old and new version export `save` and `restore`, state moves across a swap. `off`: "
        "the new "
        "version starts empty."},
    Key{"args", "list of text", "[]", "[--verbose]", "Its arguments, as wasi:cli/environment gives them."},
    Key{"env", "map of text", "{}", "{REGION: eu}",
        "Its environment variables. The host's own are never visible."},
    Key{"triggers", "list of map with one key", "[]",
        "[{state: {store: statestore, listen: 127.0.0.1:3500}}]", "What calls it."},
};

constexpr std::array kInstancesKeys = {
    Key{"pool", "number", "required", "8", "How many instances may be alive at once, 1 to 10000."},
};

constexpr std::array kLimitsKeys = {
    Key{"memory", "size", "64MiB", "64MiB",
        "Each linear memory, exact to a page of 64KiB. Growing past it fails in the guest; a guest that "
        "traps because "
        "of that is counted as stopped by a limit."},
    Key{"tables", "number", "20000", "20000", "Elements of each table."},
    Key{"instances", "number", "100", "100",
        "Core instances, memories and tables inside one instance of the component."},
    Key{"call", "duration", "30s", "30s",
        "How long one call may take, waiting included; also each of `probe`, `save` and `restore`."},
    Key{"concurrency", "number", "64", "64", "Calls that run at once; more wait in the queue."},
    Key{"queue", "number", "256", "256",
        "Calls that wait; when it is full a caller gets \"busy\" at once. 0: nobody waits."},
};

constexpr std::array kUpdateKeys = {
    Key{"watch", "true or false", "true", "false", "Swap when the source's file is replaced or rewritten."},
    Key{"drain", "duration", "30s", "30s",
        "Calls that run on the old version may take this long, then they are stopped."},
};

constexpr std::array kTelemetryKeys = {
    Key{"listen", "address:port", "no HTTP", "127.0.0.1:9464",
        "Serves `/metrics`, `/healthz` and `/readyz`."},
    Key{"log", "map", "{level: info, format: auto}", "{level: debug}", "The host's log on standard error."},
};

constexpr std::array kLogKeys = {
    Key{"level", "trace, debug, info, warn, error or critical", "info", "debug",
        "Records below it are not written."},
    Key{"format", "auto, text or json", "auto", "json", "`auto`: text on a terminal, JSON otherwise."},
};

constexpr std::array kControlKeys = {
    Key{"socket", "path", "$XDG_RUNTIME_DIR/berth/control.sock, else /tmp/berth-UID/control.sock",
        "/run/berth/control.sock",
        "The Unix socket, relative to the manifest's folder. Its folder is made with mode 0700, the socket "
        "with 0600."},
};

}  // namespace

const Section kRootSection = {"(top level)",
                              "One file describes one host: what it runs, what each workload may do, "
                              "what calls it.",
                              kRootKeys};
const Section kWorkloadSection = {"workloads.<name>",
                                  "One named component with its grants, limits and triggers.", kWorkloadKeys};
const Section kInstancesSection = {"workloads.<name>.instances", "With a pool.", kInstancesKeys};
const Section kLimitsSection = {
    "workloads.<name>.limits",
    "Each call that goes over one ends with a clear error; other workloads do not notice.", kLimitsKeys};
const Section kUpdateSection = {"workloads.<name>.update",
                                "When and how another version replaces a running one.", kUpdateKeys};
const Section kTelemetrySection = {"telemetry", "Logs and metrics of the host.", kTelemetryKeys};
const Section kLogSection = {"telemetry.log", "The host's log.", kLogKeys};
const Section kControlSection = {"control", "How other berth commands reach the running host.", kControlKeys};

std::span<const Section* const> sections() {
  static constexpr std::array kAll = {&kRootSection,   &kWorkloadSection, &kInstancesSection,
                                      &kLimitsSection, &kUpdateSection,   &kTelemetrySection,
                                      &kLogSection,    &kControlSection};
  return kAll;
}

}  // namespace berth::manifest
