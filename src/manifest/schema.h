// Schema: the keys that may be written in each map, as data: it refuses unknown keys and writes the
// reference.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "manifest/problems.h"
#include "manifest/value.h"

namespace berth::manifest {

// One key. Immutable.
struct Key {
  std::string_view name;      // "<name>" when any name may be written
  std::string_view type;      // for a person: "size", "duration", "list of text", "map"
  std::string_view fallback;  // what holds when it is not written; "required" when it must be
  std::string_view example;   // a value, as it is written after "name: "
  std::string_view text;      // what it does; one sentence or two
};

// The keys of one map. Immutable; made of constants.
struct Section {
  std::string_view path;  // "workloads.<name>.limits"
  std::string_view text;
  std::span<const Key> keys;
};

// A grant, a trigger or a section of the top level: what a capability or an application adds to the manifest.
// Immutable.
struct Extension {
  std::string_view name;  // the key under grants, in an item of triggers, or of the top level
  const Section*
      section;  // its keys, for the reference; path is "grants.<name>", "triggers.<name>" or "<name>"
  std::string_view example;  // one line that a person can paste: "logging: {}"
  // Adds what is wrong with `value` to `problems`; `path` begins each message.
  std::function<void(const Value& value, const std::string& path, Problems& problems)> check;
  std::span<const Section* const> inner = {};  // the maps within it, for the reference
};

}  // namespace berth::manifest
