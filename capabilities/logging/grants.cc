// logging: reading the section.
#include "capabilities/logging/grants.h"

#include <memory>

#include "capabilities/grants/section.h"
#include "capabilities/logging/binding.h"
#include "manifest/reader.h"

namespace berth::logging {
namespace {

constexpr manifest::Key kKeys[] = {
    {"level", "trace, debug, info, warn, error or critical", "info", "debug",
     "The least level that is written. The program's own level counts too."},
    {"records-per-second", "whole number", "1000", "5000",
     "How much the guest may write; the rest is counted."},
};
constexpr manifest::Section kSection{
    .path = "grants.logging", .text = "Structured log records from the guest.", .keys = kKeys};

}  // namespace

std::optional<Options> read(const manifest::Value& value, const std::string& path,
                            manifest::Problems& problems) {
  const std::size_t before = grants::count(problems);
  manifest::MapReader reader(value, kSection, path, problems);
  Options options;
  if (const auto level = reader.one_of("level", {"trace", "debug", "info", "warn", "error", "critical"}))
    options.level = static_cast<telemetry::Level>(*level);
  if (const auto rate = reader.integer("records-per-second", 1, kMaxRecordsPerSecond))
    options.records_per_second = *rate;
  if (grants::count(problems) > before) return std::nullopt;
  return options;
}

grants::Capability capability() {
  return {
      .info = {.name = "logging", .covers = covers, .grant_line = "logging: {}"},
      .section = &kSection,
      .read = [](const manifest::Value& value, const std::string& path,
                 manifest::Problems& problems) -> grants::Maker {
        const auto options = read(value, path, problems);
        if (!options) return {};
        return [options = *options](
                   const grants::Services& services) -> Result<std::shared_ptr<const host::Grant>> {
          return grant(std::make_shared<GuestLog>(services, options));
        };
      },
  };
}

}  // namespace berth::logging
