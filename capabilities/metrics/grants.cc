// metrics: reading the section.
#include "capabilities/metrics/grants.h"

#include <memory>

#include "capabilities/grants/section.h"
#include "capabilities/metrics/binding.h"
#include "manifest/reader.h"

namespace berth::metrics {
namespace {

constexpr manifest::Section kSection{
    .path = "grants.metrics",
    .text = "Counters, gauges and histograms of the guest's own, shown with the host's.",
    .keys = {}};

}  // namespace

grants::Capability capability() {
  return {
      .info = {.name = "metrics", .covers = covers, .grant_line = "metrics: {}"},
      .section = &kSection,
      .read = [](const manifest::Value& value, const std::string& path,
                 manifest::Problems& problems) -> grants::Maker {
        const std::size_t before = grants::count(problems);
        (void)manifest::MapReader(value, kSection, path, problems);
        if (grants::count(problems) > before) return {};
        return [](const grants::Services& services) -> Result<std::shared_ptr<const host::Grant>> {
          return grant(std::make_shared<GuestMetrics>(services));
        };
      },
  };
}

}  // namespace berth::metrics
