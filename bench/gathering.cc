// Gathering from a real Kubernetes API: gathering.py measures the program, and a gatherer in Go is loaded
// from the store.
#include <array>
#include <cstdio>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "bench/suite.h"

namespace berth::bench {

void gathering(Report& report) {
  struct Close {
    void operator()(std::FILE* pipe) const { ::pclose(pipe); }
  };
  const std::unique_ptr<std::FILE, Close> lines(::popen("BERTH_BUILD='" BERTH_BUILD
                                                        "' BERTH_SERVERS='" BERTH_SERVERS
                                                        "' python3 '" BERTH_SOURCE "/bench/gathering.py'",
                                                        "r"));
  if (!lines) need<void>(fail(Code::kUnavailable, "python3 cannot be started"), "gathering");
  std::array<char, 4096> line;
  std::size_t figures = 0;
  while (std::fgets(line.data(), line.size(), lines.get()) != nullptr) {
    const auto json = nlohmann::json::parse(line.data());
    ++figures;
    if (json.contains("max")) {
      report.at_most(json["name"], json["value"], json["unit"], json["max"]);
      continue;
    }
    const double ratio = json["ratio"], most = json["max_ratio"];
    report.add({json["name"], json["value"], json["unit"], json["peer"], json["peer_value"], ratio,
                "ratio <= " + json["max_ratio"].dump(), ratio <= most});
  }
  if (figures != 5) need<void>(fail(Code::kInternal, "gathering.py did not end well"), "gathering");
}

}  // namespace berth::bench
