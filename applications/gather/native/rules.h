// Rules: what is gathered only under conditions, as a remote configuration says it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "applications/gather/native/version_range.h"
#include "base/error.h"

namespace berth::gather {

// Plain value.
struct Condition {
  enum class Kind : std::uint8_t { kAlertIsFiring, kClusterVersionMatches };
  Kind kind = Kind::kAlertIsFiring;
  std::string alert;
  VersionRange versions;
};

struct GatheringFunction {
  std::string name;        // of a gatherer
  std::string parameters;  // a JSON object
};

struct Rule {
  std::vector<Condition> conditions;  // all of them
  std::vector<GatheringFunction> functions;
  std::string json;  // as it was written
};

struct Rules {
  std::string version;
  std::vector<Rule> rules;
  std::string container_logs;  // a JSON array; empty: none
  std::string json;            // the whole text
};

// A remote configuration: {version, conditional_gathering_rules, container_logs}. Everything is checked: one
// mistake refuses all of it. kInvalidArgument says where: "conditional_gathering_rules[2].conditions[0].type:
// ...". Linear in the text, whatever is in it.
[[nodiscard]] Result<Rules> parse_rules(std::string_view text);

// What holds when no other rules can be had.
[[nodiscard]] std::string_view default_rules();

}  // namespace berth::gather
