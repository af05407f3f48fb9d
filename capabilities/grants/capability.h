// Capability: one kind of grant as the program offers it: how to recognise, read and make it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "capabilities/grants/services.h"
#include "host/capability.h"
#include "manifest/problems.h"
#include "manifest/schema.h"
#include "manifest/value.h"

namespace berth::grants {

// Makes the grant that a section of the manifest describes. Touches the outside (opens directories),
// which reading the section does not.
using Maker = std::function<Result<std::shared_ptr<const host::Grant>>(const Services&)>;

// Immutable.
struct Capability {
  host::CapabilityInfo info;
  // The keys of the section, or of each item when it is a list or a map of named things. A constant.
  const manifest::Section* section = nullptr;
  // Reads the value under workloads.NAME.grants.<info.name>. Every mistake goes to `problems`, with
  // its place and `path`; then the Maker is empty. Relative paths start at the folder of
  // problems.file().
  std::function<Maker(const manifest::Value&, const std::string& path, manifest::Problems&)> read;

  // What the manifest's parser needs; valid as long as this.
  [[nodiscard]] manifest::Extension extension() const {
    return {.name = info.name,
            .section = section,
            .example = info.grant_line,
            .check = [read = read](const manifest::Value& value, const std::string& path,
                                   manifest::Problems& problems) { (void)read(value, path, problems); }};
  }
};

}  // namespace berth::grants
