// Any text is a manifest or gives problems with positions inside it; nothing throws or crashes.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "manifest/limits.h"
#include "manifest/manifest.h"
#include "manifest/reader.h"

namespace {

using namespace berth::manifest;

constexpr std::array kKeys = {Key{"level", "text", "info", "debug", "Level."},
                              Key{"hosts", "list of text", "[]", "[a]", "Hosts."},
                              Key{"size", "size", "1MiB", "1MiB", "Size."},
                              Key{"wait", "duration", "1s", "1s", "Wait."},
                              Key{"share", "percentage", "5%", "5%", "Share."},
                              Key{"listen", "address", "none", "127.0.0.1:1", "Address."},
                              Key{"names", "map of text", "{}", "{}", "Names."}};
const Section kSection = {"grants.any", "Every reader once.", kKeys};

void check(const Value& value, const std::string& path, Problems& problems) {
  MapReader reader(value, kSection, path, problems);
  (void)reader.one_of("level", {"info", "debug"});
  (void)reader.text_list("hosts");
  (void)reader.bytes("size", 0, 1 << 20);
  (void)reader.duration("wait", std::chrono::milliseconds(0), std::chrono::milliseconds(1000));
  (void)reader.percent("share");
  (void)reader.endpoint("listen");
  (void)reader.text_map("names");
}

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::array kGrants = {Extension{"logging", &kSection, "logging: {}", check}};
  static const std::array kTriggers = {Extension{"state", &kSection, "state: {}", check}};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto manifest = parse(text, "fuzz.yaml", "/", {kGrants, kTriggers});
  if (manifest) {
    require(!manifest->workloads.empty());
    require(!to_json(*manifest).empty());
    return 0;
  }
  const auto lines = static_cast<int>(std::ranges::count(text, '\n')) + 1;
  require(!manifest.error().empty());
  require(manifest.error().errors().size() <= kMaxProblems);
  for (const berth::Error& error : manifest.error().errors()) {
    require(error.position()->line >= 1 && error.position()->line <= lines);
    require(error.position()->column >= 1);
    require(!error.message().empty());
  }
  return 0;
}
