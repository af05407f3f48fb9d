// Imports: names without what a compatible version may change.
#include "host/update/imports.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "host/update/release.h"

namespace berth::host {
namespace {

// "a:b/c@0.2" for "a:b/c@0.2.3".
std::string compatible_name(const std::string& import) {
  const std::size_t at = import.rfind('@');
  if (at == std::string::npos) return import;
  const auto release = parse_release(std::string_view(import).substr(at + 1));
  if (!release || !release->before.empty()) return import;
  const std::string_view name = std::string_view(import).substr(0, at);
  if (release->major > 0) return fmt::format("{}@{}", name, release->major);
  if (release->minor > 0) return fmt::format("{}@0.{}", name, release->minor);
  return fmt::format("{}@0.0.{}", name, release->patch);
}

}  // namespace

std::vector<std::string> asks_for_more(std::span<const std::string> running,
                                       std::span<const std::string> next) {
  std::set<std::string> known;
  for (const std::string& import : running) known.insert(compatible_name(import));
  std::vector<std::string> more;
  for (const std::string& import : next) {
    if (known.insert(compatible_name(import)).second) more.push_back(import);
  }
  return more;
}

}  // namespace berth::host
