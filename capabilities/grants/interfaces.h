// Interfaces: whether an import's name is one that a capability provides.
#pragma once

#include <span>
#include <string_view>

namespace berth::grants {

// Interfaces of one package that a capability provides.
struct InterfaceSet {
  std::string_view package;  // "wasi:clocks"
  // The version we implement. A release matches every version that semver calls compatible with it;
  // a pre-release ("0.1.0-draft") only itself.
  std::string_view version;
  std::span<const std::string_view> names;
};

// `interface` as a component names it: "wasi:clocks/wall-clock@0.2.3".
[[nodiscard]] bool contains(const InterfaceSet& set, std::string_view interface);

}  // namespace berth::grants
