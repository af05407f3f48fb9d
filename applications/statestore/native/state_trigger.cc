// Reading of the trigger `state`.
#include "applications/statestore/native/state_trigger.h"

#include <algorithm>

#include "applications/statestore/native/limits.h"
#include "manifest/reader.h"

namespace berth::statestore {

namespace {

constexpr manifest::Key kKeys[] = {
    {"store", "text", "required", "statestore",
     "The name clients use: {store} in /v1.0/state/{store}. Letters, digits, - and _."},
    {"listen", "address and port", "127.0.0.1:3500, or none beside another one", "127.0.0.1:3500",
     "Where Dapr's HTTP state API is served. There is no login: whoever reaches it can read and write. "
     "Several triggers may name the same address. With grpc-listen or component-socket alone there is no "
     "HTTP."},
    {"grpc-listen", "address and port", "not served", "127.0.0.1:50001",
     "Where Dapr's gRPC state calls are served too, for SDKs that speak nothing else, such as Python's."},
    {"component-socket", "path", "not served", "/run/dapr-components-sockets",
     "A folder, in which the Unix socket STORE.sock serves the store to daprd as the pluggable component "
     "`state.STORE`; a relative path is in the manifest's folder. Name it in daprd's "
     "DAPR_COMPONENTS_SOCKETS_FOLDER. The socket is open to this user and the folder's group."},
    {"app-id", "text", "no prefix", "checkout",
     "Keys are kept as \"<app-id>||<key>\", as daprd does for the application beside it."},
    {"max-body", "size", "4MiB", "16MiB", "The largest request body; a larger one is answered with 413."},
    {"settings", "map of text", "{}", "{bucket: orders}",
     "What the component is told before it serves, by its own names; it refuses those it does not know. "
     "Every state trigger of one workload has the same."},
};
constexpr manifest::Section kSection{
    .path = "triggers.state",
    .text = "Serves the workload, which must export berth:state/store, as a state store through Dapr's APIs.",
    .keys = kKeys};

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

}  // namespace

std::optional<StateTrigger> read_state_trigger(const manifest::Value& value, const std::string& path,
                                               manifest::Problems& problems) {
  const std::size_t before = problems.errors().size() + problems.more();
  manifest::MapReader reader(value, kSection, path, problems);
  StateTrigger trigger{.store = {}, .app_id = {}, .max_body_bytes = kDefaultMaxBody};
  if (const manifest::Value* name = reader.require("store")) {
    if (auto text = reader.text("store")) {
      if (!is_name(*text)) {
        reader.problem(name->mark(), "store", "a store's name has 1 to 100 letters, digits, - and _");
      }
      trigger.store = std::move(*text);
    }
  }
  trigger.listen = reader.endpoint("listen");
  if (auto listen = reader.endpoint("grpc-listen")) trigger.grpc_listen = std::move(*listen);
  if (auto folder = reader.text("component-socket")) {
    if (folder->empty())
      reader.problem(reader.get("component-socket")->mark(), "component-socket", "a folder has a name");
    trigger.component_socket = std::move(*folder);
  }
  if (!trigger.listen && !trigger.grpc_listen && trigger.component_socket.empty())
    trigger.listen = {"127.0.0.1", 3500};
  if (auto app_id = reader.text("app-id")) {
    if (!is_name(*app_id)) {
      reader.problem(reader.get("app-id")->mark(), "app-id",
                     "an app id has 1 to 100 letters, digits, - and _");
    }
    trigger.app_id = std::move(*app_id);
  }
  if (const auto bytes = reader.bytes("max-body", 1024, kLargestMaxBody)) trigger.max_body_bytes = *bytes;
  trigger.settings = reader.text_map("settings");
  if (problems.errors().size() + problems.more() > before) return std::nullopt;
  return trigger;
}

manifest::Extension state_extension() {
  return {.name = "state",
          .section = &kSection,
          .example = "state: {store: statestore, listen: 127.0.0.1:3500}",
          .check = [](const manifest::Value& value, const std::string& path, manifest::Problems& problems) {
            (void)read_state_trigger(value, path, problems);
          }};
}

}  // namespace berth::statestore
