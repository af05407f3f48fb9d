// The manifest's own sections: every key with its type, default, example and meaning.
#include "manifest/sections.h"

#include <array>

#include "manifest/manifest.h"

namespace berth::manifest {
namespace {

constexpr std::array kRootKeys = {
    Key{"workloads", "map of name to workload", "required", "{store: {source: \"file:store.wasm\"}}",
        "The components this host runs. A name has lower-case letters, digits and -."},
    Key{"registries", "map of host:port to its settings", "{}",
        "{\"registry.example.com:5000\": {ca: ca.pem}}",
        "How registries and web servers are reached, where it takes more than their name."},
    Key{"store", "map", "the user's cache folder", "{path: /var/lib/berth, max: 4GiB, keep: 3}",
        "Where versions and compiled code are kept, so that the host starts without its sources."},
    Key{"telemetry", "map", "logs to standard error, no HTTP", "{listen: 127.0.0.1:9464}",
        "Logs and metrics."},
    Key{"control", "map", "the user's runtime folder", "{socket: /run/berth/control.sock}",
        "How `berth status`, `swap` and `logs` reach this host."},
};

constexpr std::array kWorkloadKeys = {
    Key{"source", "text", "required", "file:store.wasm",
        "The component: `file:` and a path, relative to the manifest's folder; `https://` and an address; or "
        "`oci://` with a registry, a name and a tag or digest."},
    Key{"instances", "fresh, one, a number or {pool: N}", "fresh", "one",
        "`fresh`: a new instance for each call. `one`: a single long-lived instance, calls take turns. A "
        "number: so many long-lived instances, each with the keys that fall to it (a state store's keys); "
        "calls of one key take turns, and a swap hands over the state of each. `{pool: N}`: up to N "
        "instances, reused from call to call. After a trap an instance is never used again."},
    Key{"limits", "map", "see below", "{memory: 64MiB, call: 30s}", "What it may use."},
    Key{"grants", "map of capability to its section", "{}", "{logging: {}}",
        "What it may do. A capability that is not here is denied, and a component that imports it does not "
        "start."},
    Key{"update", "map", "{watch: true}", "{watch: true, drain: 30s}",
        "When and how another version replaces it."},
    Key{"signature", "map", "none needed", "{any-of: [keys/release.pub]}",
        "Whose signature each version of it needs."},
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
    Key{"every", "duration or off", "off", "5m",
        "How often the source is looked at. `off`: only when its file is replaced, or when somebody asks."},
    Key{"jitter", "duration", "0ms", "30s",
        "Each look may come up to this much later, so that many hosts do not come at once."},
    Key{"backoff", "duration", "5m", "1h",
        "The longest wait after a look that failed; waits begin at 1s and double."},
    Key{"shadow", "map or off", "off", "{for: 10m}",
        "First repeats calls on the new version, compares its answers and drops them."},
    Key{"canary", "map or off", "off", "{percent: 10%, for: 10m}",
        "First sends a share of the calls to the new version. Not where instances keep state (`one` or a "
        "number)."},
    Key{"rollback", "map or off", "{errors: 5%, within: 10m, min-calls: 50}", "{errors: 5%, latency: 3x}",
        "When a new version is given up for the one before. A version that was given up is not taken again."},
    Key{"hold", "true or false", "true", "false",
        "An update that imports what the running version does not is held until `berth accept`."},
    Key{"downgrade", "refuse or allow", "refuse", "allow",
        "Where tags are versions: what to do with an older one than the running."},
};

constexpr std::array kCanaryKeys = {
    Key{"percent", "percentage", "10%", "5%", "The share of the calls, above 0%."},
    Key{"for", "duration", "10m", "1h",
        "When it takes all calls, if it has not failed; later where too few calls came and some failed."},
    Key{"by", "random or key", "random", "key",
        "What chooses the calls. `key`: calls about the same thing go to the same version; what the thing is "
        "says the trigger."},
};

constexpr std::array kShadowKeys = {
    Key{"percent", "percentage", "100%", "20%",
        "The share of the calls that is repeated, above 0%. All of them with `instances: one`."},
    Key{"for", "duration", "10m", "1h", "When it is judged."},
    Key{"differ", "percentage", "0%", "1%",
        "With more different answers than this the update is held until `berth accept`."},
};

constexpr std::array kRollbackKeys = {
    Key{"errors", "percentage, factor, list of both, or off", "5%", "[5%, 3x]",
        "Failed calls. `5%`: five in a hundred more than before. `3x`: three times the share of before."},
    Key{"latency", "percentage, factor, list of both, or off", "off", "2x",
        "The time that 99 of 100 calls stay within. `50%`: half as long again as before. `2x`: twice as "
        "long."},
    Key{"within", "duration", "10m", "30m", "How long a version is watched after it was published."},
    Key{"min-calls", "number", "50", "200", "No verdict before the new version served this many calls."},
};

constexpr std::array kSignatureKeys = {
    Key{"any-of", "list of paths", "-", "[keys/a.pub, keys/b.pub]",
        "Public keys, relative to the manifest's folder: a signature of one of them is enough."},
    Key{"all-of", "list of paths", "-", "[keys/build.pub, keys/review.pub]",
        "In place of `any-of`: a signature of each of them is needed."},
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

constexpr std::array kStoreKeys = {
    Key{"path", "path", "berth/store in the user's cache folder (root: /var/cache)", "/var/lib/berth",
        "The folder, relative to the manifest's. It is made with mode 0700; several hosts may share it."},
    Key{"max", "size", "4GiB", "10GiB",
        "What it may hold. Beyond it, what was not used for longest goes; never what runs or is kept."},
    Key{"keep", "number", "3", "5", "Good versions of each workload that stay, 1 to 100."},
};

constexpr std::array kRegistriesKeys = {
    Key{"<host:port>", "map", "-", "{plain-http: true}",
        "As sources write it: `registry.example.com` or `10.0.0.7:5000`."},
};

constexpr std::array kRegistryKeys = {
    Key{"plain-http", "true or false", "false", "true",
        "Speaks HTTP without TLS. Never needed for this machine itself."},
    Key{"ca", "path", "the system's authorities", "ca.pem", "Further certificate authorities, as PEM."},
    Key{"cert", "path", "none", "client.pem", "A client certificate, as PEM; needs `key`."},
    Key{"key", "path", "none", "client.key", "The private key of `cert`."},
    Key{"user", "text", "anonymous", "robot", "A user name; needs `password-file`."},
    Key{"password-file", "path", "none", "registry-password", "A file that holds the password."},
    Key{"token-file", "path", "none", "token",
        "Web servers only: a file that holds a bearer token, in place of `user`."},
    Key{"docker-config", "path", "docker's own", "/run/secrets/docker.json",
        "Registries only: a Docker config.json that knows the credentials, in place of `user`."},
    Key{"token-hosts", "list of hosts", "[]", "[auth.example.com]",
        "Registries only: hosts besides the registry's that may be sent the login for a token."},
    Key{"addresses", "list of addresses", "[]", "[10.1.0.0/16]",
        "Where it may send us although they are not public: addresses or ranges, with or without a port."},
    Key{"proxy", "true or false", "false", "true", "Goes through the proxies that the environment names."},
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
const Section kCanarySection = {"workloads.<name>.update.canary",
                                "A share of the calls for the new version, before all of them.", kCanaryKeys};
const Section kShadowSection = {
    "workloads.<name>.update.shadow",
    "The new version repeats calls beside the running one. What reaches outside is denied to it, and it "
    "holds no call back.",
    kShadowKeys};
const Section kRollbackSection = {
    "workloads.<name>.update.rollback",
    "Compares a new version with the one before: during a canary or shadow, and after it was published.",
    kRollbackKeys};
const Section kSignatureSection = {"workloads.<name>.signature",
                                   "A version without the signatures that are asked for is refused.",
                                   kSignatureKeys};
const Section kTelemetrySection = {"telemetry", "Logs and metrics of the host.", kTelemetryKeys};
const Section kLogSection = {"telemetry.log", "The host's log.", kLogKeys};
const Section kControlSection = {"control", "How other berth commands reach the running host.", kControlKeys};

const Section kStoreSection = {"store", "Versions and compiled code on disk.", kStoreKeys};
const Section kRegistriesSection = {"registries", "Registries and web servers by name.", kRegistriesKeys};
const Section kRegistrySection = {"registries.<host:port>", "How one of them is reached.", kRegistryKeys};

std::span<const Section* const> sections() {
  static constexpr std::array kAll = {
      &kRootSection,   &kWorkloadSection, &kInstancesSection, &kLimitsSection,     &kUpdateSection,
      &kShadowSection, &kCanarySection,   &kRollbackSection,  &kSignatureSection,  &kTelemetrySection,
      &kLogSection,    &kControlSection,  &kStoreSection,     &kRegistriesSection, &kRegistrySection};
  return kAll;
}

}  // namespace berth::manifest
