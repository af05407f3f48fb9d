// WasiGrant: linking, and the manifest section of those without settings.
#include "capabilities/grants/wasi_grant.h"

#include <optional>

#include "abi/linker.h"
#include "capabilities/grants/section.h"
#include "manifest/reader.h"

namespace berth::grants {

Result<void> WasiGrant::link(abi::Linker& linker) const { return linker.add_wasi(capability_); }

Capability plain_wasi(std::string_view name, const InterfaceSet& set, const manifest::Section& section) {
  struct Nothing {};
  return wasi_capability(
      name, "{}", set, section,
      [&section](const manifest::Value& value, const std::string& path,
                 manifest::Problems& problems) -> std::optional<Nothing> {
        const std::size_t before = count(problems);
        (void)manifest::MapReader(value, section, path, problems);
        if (count(problems) > before) return std::nullopt;
        return Nothing{};
      },
      [name, set](Nothing, const Services&) -> Result<std::shared_ptr<const host::Grant>> {
        return std::make_shared<WasiGrant>(name, set);
      });
}

}  // namespace berth::grants
