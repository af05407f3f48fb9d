// Whatever a gatherer writes and whatever rules say is taken or refused; a record that is JSON stays JSON,
// and what was hidden once has nothing more to hide.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "applications/gather/native/anonymiser.h"
#include "applications/gather/native/json_bounds.h"
#include "applications/gather/native/limits.h"
#include "applications/gather/native/obfuscator.h"
#include "applications/gather/native/paths.h"
#include "applications/gather/native/rules.h"
#include "applications/gather/native/version_range.h"

using namespace berth::gather;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

Obfuscator& obfuscator() {
  static const std::unique_ptr<Obfuscator> all = [] {
    Obfuscation what{
        .addresses = true, .networks = {}, .base_domains = {"c.example.com"}, .workload_names = true};
    for (const char* range : {"10.0.0.0/8", "192.168.0.0/30", "fd00::/8"})
      what.networks.push_back(berth::net::Cidr::parse(range).value());
    return Obfuscator::open(what, "", "c").value();
  }();
  return *all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto found = [](std::string_view ns, std::string_view name) { obfuscator().found(ns, name); };
  // For nlohmann-json a zero is the end.
  const bool json = text.find('\0') == std::string_view::npos && check_json_depth(text, kMaxJsonDepth) &&
                    nlohmann::json::accept(text);
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool structured = json && (text[first] == '{' || text[first] == '[');
  for (const char* path : {"config/node/a.json", "a.log"}) {
    auto hidden = anonymised(path, text, found);
    must(hidden || std::string_view(path).ends_with(".json"));
    must(hidden || !json);
    if (!hidden) continue;
    std::string kept = *hidden ? **hidden : std::string(text);
    must(!(json && std::string_view(path).ends_with(".json")) || nlohmann::json::accept(kept));
    const auto again = anonymised(path, kept, {});
    must(again && (!structured || !*again || **again == kept));
    obfuscator().obfuscate(kept);
    must(!structured || nlohmann::json::accept(kept));
  }
  if (const auto path = checked_path(text)) {
    must(path->size() <= kMaxPathBytes);
    must(checked_path(*path).value() == *path);
    obfuscator().found_in_path(*path);
  }
  const auto rules = parse_rules(text);
  must(rules || !rules.error().message().empty());
  if (const auto range = VersionRange::parse(text)) {
    const auto version = SemanticVersion::parse("4.17.0-rc.1");
    must(range->matches(*version) || !range->matches(*version));
  }
  if (const auto version = SemanticVersion::parse(text))
    must(SemanticVersion::compare(*version, *version) == 0);
  return 0;
}
