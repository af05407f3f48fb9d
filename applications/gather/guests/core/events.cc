// events: those of a namespace in one record.
#include "core/core.h"

namespace gather {

Outcome events(Run& run, const Gatherer&) {
  // About 200 bytes each.
  constexpr std::size_t kMostBytes = std::size_t{4} << 20;
  auto all = kube::Kind<kube::Object>("", "v1", "events").list();
  std::string namespace_, items;
  bool cut = false;
  const auto flush = [&] {
    if (items.empty()) return true;
    if (cut)
      run.warning("events of " + namespace_ + " were left out: there are too many",
                  "events/" + namespace_ + ".json");
    const bool more = run.put("events/" + namespace_ + ".json", "{\"items\":[" + items + "]}");
    items.clear();
    cut = false;
    return more;
  };
  for (auto& event : all) {
    std::string in = event.metadata().namespace_();
    // A list is sorted by namespace.
    if (in != namespace_) {
      if (!flush()) return {};
      namespace_ = std::move(in);
    }
    if (items.size() > kMostBytes) {
      cut = true;
      continue;
    }
    std::string_view last = event.at("lastTimestamp").text();
    // Newer ones have it as eventTime alone.
    if (last.empty() || last == "null") last = event.at("eventTime").text();
    if (!items.empty()) items += ',';
    items += "{\"namespace\":";
    kube::json::append_quoted(items, namespace_);
    for (const auto& [name, value] : {std::pair<std::string_view, std::string_view>{"lastTimestamp", last},
                                      {"reason", event.at("reason").text()},
                                      {"message", event.at("message").text()},
                                      {"type", event.at("type").text()}}) {
      ((items += ",\"") += name) += "\":";
      items += value.empty() ? "null" : value;
    }
    items += '}';
  }
  if (all.error()) {
    (void)flush();
    return failed("events", *all.error());
  }
  (void)flush();
  return {};
}

}  // namespace gather
