// WasiGrant: a grant whose functions the engine implements; ours is the decision.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "capabilities/grants/capability.h"
#include "capabilities/grants/interfaces.h"

namespace berth::grants {

// The version of WASI that the engine implements; compatible older and newer imports link too.
inline constexpr std::string_view kWasiVersion = "0.2.0";

// Links one group of the engine's WASI. Immutable, Thread-safe.
class WasiGrant : public host::Grant {
 public:
  // `set` and its names live for ever: they are constants.
  WasiGrant(std::string_view capability, const InterfaceSet& set) : capability_(capability), set_(set) {}

  [[nodiscard]] std::string_view capability() const override { return capability_; }
  [[nodiscard]] bool covers(std::string_view interface) const override { return contains(set_, interface); }
  [[nodiscard]] Result<void> link(abi::Linker& linker) const override;
  // Links the same and decides nothing, and what no grant decides is denied.
  [[nodiscard]] std::shared_ptr<const host::Grant> shadow() const override {
    return std::make_shared<WasiGrant>(capability_, set_);
  }

 private:
  std::string_view capability_;  // also the engine's name of the group
  InterfaceSet set_;
};

// A WASI capability. read(value, path, problems) -> std::optional<Rules>, with nothing when there are
// problems; make(Rules, services) -> Result<std::shared_ptr<const host::Grant>>. The rest are constants;
// `smallest` is the least that the section may say.
template <class Read, class Make>
[[nodiscard]] Capability wasi_capability(std::string_view name, std::string_view smallest,
                                         const InterfaceSet& set, const manifest::Section& section, Read read,
                                         Make make) {
  return {.info = {.name = std::string(name),
                   .covers = [set](std::string_view interface) { return contains(set, interface); },
                   .grant_line = std::string(name) + ": " + std::string(smallest)},
          .section = &section,
          .read = [read, make](const manifest::Value& value, const std::string& path,
                               manifest::Problems& problems) -> Maker {
            auto rules = read(value, path, problems);
            if (!rules) return {};
            return
                [make, rules = std::move(*rules)](const Services& services) { return make(rules, services); };
          }};
}

// One that takes no settings: `NAME: {}`. `section` has no keys.
[[nodiscard]] Capability plain_wasi(std::string_view name, const InterfaceSet& set,
                                    const manifest::Section& section);

}  // namespace berth::grants
