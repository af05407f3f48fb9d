// Interfaces: matching of names and versions.
#include "capabilities/grants/interfaces.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace berth::grants {
namespace {

struct Release {
  unsigned major = 0, minor = 0, patch = 0;
};

// Nothing for a pre-release or what is no version: those are compared as text.
std::optional<Release> release(std::string_view text) {
  Release r;
  const char* at = text.data();
  const char* const end = at + text.size();
  unsigned* const parts[] = {&r.major, &r.minor, &r.patch};
  for (int i = 0; i < 3; ++i) {
    if (i > 0) {
      if (at == end || *at != '.') return std::nullopt;
      ++at;
    }
    const auto [next, error] = std::from_chars(at, end, *parts[i]);
    if (error != std::errc{}) return std::nullopt;
    at = next;
  }
  if (at != end) return std::nullopt;
  return r;
}

bool compatible(std::string_view ours, std::string_view asked) {
  if (ours == asked) return true;
  const auto a = release(ours);
  const auto b = release(asked);
  if (!a || !b || a->major != b->major) return false;
  if (a->major > 0) return true;
  if (a->minor != b->minor) return false;
  return a->minor > 0;  // 0.0.x: every patch breaks
}

}  // namespace

bool contains(const InterfaceSet& set, std::string_view interface) {
  const std::size_t slash = interface.find('/');
  const std::size_t at = interface.find('@');
  if (slash == std::string_view::npos || at == std::string_view::npos || at < slash) return false;
  return interface.substr(0, slash) == set.package && compatible(set.version, interface.substr(at + 1)) &&
         std::ranges::find(set.names, interface.substr(slash + 1, at - slash - 1)) != set.names.end();
}

}  // namespace berth::grants
