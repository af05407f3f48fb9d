// The exports of berth:gather over a component's table.
#include "gatherer.h"

namespace exports::berth::gather::gatherers {

wit::vector<Description> List() {
  const auto all = ::gather::gatherers();
  auto out = wit::vector<Description>::allocate(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto records = wit::vector<RecordDescription>::allocate(all[i].records.size());
    std::size_t n = 0;
    for (const ::gather::Record& record : all[i].records)
      records.initialize(n++, {wit::string::from_view(record.path), wit::string::from_view(record.text)});
    out.initialize(i, {wit::string::from_view(all[i].name), wit::string::from_view(all[i].text),
                       std::move(records), all[i].by_rule});
  }
  return out;
}

std::expected<void, wit::string> Gather(wit::string name, wit::string parameters, Budget, Output&& handle) {
  Output out = std::move(handle);
  for (const ::gather::Gatherer& gatherer : ::gather::gatherers()) {
    if (gatherer.name != name.get_view()) continue;
    ::gather::Run run(out, kube::View(parameters.get_view()));
    if (auto done = gatherer.run(run, gatherer); !done)
      return std::unexpected(wit::string::from_view(done.error()));
    return {};
  }
  return std::unexpected(wit::string::from_view("this component holds no such gatherer"));
}

}  // namespace exports::berth::gather::gatherers
