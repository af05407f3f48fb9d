// VersionRange: which versions an expression of a rule means.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace berth::gather {

// A version as semver.org has it; what is built (+...) does not count. Plain value.
struct SemanticVersion {
  std::array<std::uint64_t, 3> numbers{};
  std::vector<std::string> pre;  // "rc", "1"

  // "4.17.3", "4.17.0-rc.1+build"; a "v" before it is taken. kInvalidArgument.
  [[nodiscard]] static Result<SemanticVersion> parse(std::string_view text);
  // Negative, 0, positive.
  [[nodiscard]] static int compare(const SemanticVersion& a, const SemanticVersion& b);
};

// ">=4.8.0 <4.9.0 || 4.12.x": comparisons (=, ==, !, !=, <, <=, >, >=; a version alone means =) with spaces
// between them must all hold, on one side of ||. x or * stands for any number. Immutable.
class VersionRange final {
 public:
  // kInvalidArgument names what is not understood.
  [[nodiscard]] static Result<VersionRange> parse(std::string_view text);
  // A version before a release (-rc.1) matches where its release would, too.
  [[nodiscard]] bool matches(const SemanticVersion& version) const;

 private:
  enum class Op : std::uint8_t { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };
  // `version` `op` the range from `low` to below `high`; without `high` the range is `low` alone.
  struct Comparison {
    Op op = Op::kEqual;
    SemanticVersion low;
    std::optional<SemanticVersion> high;
    [[nodiscard]] bool holds(const SemanticVersion& version) const;
  };
  static Result<Comparison> comparison(std::string_view text);
  [[nodiscard]] bool holds(const SemanticVersion& version) const;

  std::vector<std::vector<Comparison>> any_of_all_;
};

}  // namespace berth::gather
