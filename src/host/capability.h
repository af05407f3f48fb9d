// Grant: host code offered to guests, as one workload may use it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "abi/state.h"
#include "base/error.h"

namespace berth::abi {
class Linker;
}

namespace berth::host {

// A directory of the host as the guest sees it. Plain value.
struct Preopen {
  std::string host_path;
  std::string guest_path;
  bool write = false;
};

// What the grants of one workload add to the WASI environment of its instances. A decision that
// nobody sets denies; when several grants set one, any of them may allow.
// Plain value. Its functions are called from any thread that runs a guest, several at once, and
// must not block.
struct WasiSettings {
  std::vector<std::string> args;
  std::vector<std::string> env;  // "KEY=VALUE"
  std::vector<Preopen> preopens;
  bool inherit_stdio = false;
  std::string extra_ca_pem;  // further certificate authorities for wasi:http
  std::vector<std::function<bool(abi::SocketUse, const abi::SocketAddress&)>> connect;
  std::vector<std::function<bool(std::string_view name)>> resolve;
  std::vector<std::function<bool(std::string_view method, std::string_view scheme, std::string_view authority,
                                 std::string_view path)>>
      http;
  // Each makes one instance's receiver of what the guest writes to stream 1 or 2, as it writes it.
  // Called once per instance; the receiver is used by one thread at a time and dies with the instance.
  std::vector<std::function<std::function<void(int stream, std::string_view data)>()>> output;
  // Each is told of a file operation that the preopens did not allow.
  std::vector<std::function<void(const abi::FileDenial&)>> file_denied;
  // Set by the host before Grant::configure: the component's version, for metrics.
  std::string version;
};

// What one workload may do with one capability: configured, checked, ready to link.
// Thread-safe: one Grant serves all instances of all versions of its workload and outlives them.
class Grant {
 public:
  virtual ~Grant() = default;
  // The manifest's key of this grant, such as "logging".
  [[nodiscard]] virtual std::string_view capability() const = 0;
  // True when link() provides this interface: "ns:pkg/name@1.0.0", as the component names it.
  [[nodiscard]] virtual bool covers(std::string_view interface) const = 0;
  // Adds functions, resources and WASI groups. Called once for each loaded component, and only when
  // the component imports something that this grant covers.
  [[nodiscard]] virtual Result<void> link(abi::Linker& linker) const = 0;
  // Adds to the WASI environment of the workload's instances. Called once for each loaded component.
  virtual void configure(WasiSettings&) const {}
  // Gives a new instance its implementations: `state.provide<Interface>(...)`. Called before the
  // instance is created, on the thread that creates it.
  virtual void prepare(abi::InstanceState&) const {}
  // The same interfaces for a shadow: an instance that repeats calls and whose answers are dropped
  // (host/shadow.h). What it does must not be seen outside: nothing is sent, written or logged; what it
  // asks for is denied as if it were not granted. Reading what the workload may read is allowed. Null:
  // there is no such form, and a component that uses this grant has no shadow. Whoever does not think of
  // shadows is safe.
  [[nodiscard]] virtual std::shared_ptr<const Grant> shadow() const { return nullptr; }
};

// Everything one workload was granted.
using Grants = std::vector<std::shared_ptr<const Grant>>;

// The shadows of those that have one: a component that imports another cannot be shadowed.
[[nodiscard]] inline Grants shadow_grants(const Grants& grants) {
  Grants out;
  for (const auto& grant : grants)
    if (auto shadow = grant->shadow()) out.push_back(std::move(shadow));
  return out;
}

// One capability that this build offers, granted or not: what a refusal needs to name the manifest
// line that would allow an import. Immutable.
struct CapabilityInfo {
  std::string name;                                        // the manifest's key
  std::function<bool(std::string_view interface)> covers;  // as Grant::covers
  std::string grant_line;                                  // how to allow it: "logging: {}"
  std::string section = "grants";                          // of the workload, where the line belongs
};

}  // namespace berth::host
