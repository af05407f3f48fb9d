// berth_bench: runs the benchmarks named on the command line (all without a name), prints the table
// and writes bench.json into the current folder or to --out FILE. --only measures one figure of
// `calls`. Exit 1 when a goal is missed. As the program of a host it also compiles for it: `compile ...`.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "bench/suite.h"
#include "host/component/compile_command.h"

int main(int argc, char** argv) {
  using namespace berth::bench;
  const std::pair<std::string_view, void (*)(Report&)> suite[] = {{"calls", calls},
                                                                  {"waiting", waiting},
                                                                  {"deadline", deadline},
                                                                  {"swap", swap},
                                                                  {"flood", flood},
                                                                  {"state_http", state_http},
                                                                  {"state_shards", state_shards},
                                                                  {"state_peers", state_peers},
                                                                  {"state_daprd", state_daprd},
                                                                  {"state_socket", state_socket},
                                                                  {"loading", loading},
                                                                  {"starting", starting},
                                                                  {"gathering", gathering},
                                                                  {"updates", updates}};
  if (argc > 1 && std::string_view(argv[1]) == "compile") {
    const std::vector<std::string> arguments(argv + 2, argv + argc);
    return static_cast<int>(berth::host::run_compile_command(arguments));
  }
  std::vector<std::string_view> chosen;
  std::string out = "bench.json", only;
  for (int i = 1; i < argc; ++i) {
    std::string_view arg = argv[i];
    if (arg == "--out" && i + 1 < argc) {
      out = argv[++i];
    } else if (arg == "--only" && i + 1 < argc) {
      only = argv[++i];
    } else if (std::ranges::any_of(suite, [&](const auto& entry) { return entry.first == arg; })) {
      chosen.push_back(arg);
    } else {
      std::fprintf(stderr,
                   "usage: berth_bench [--out FILE] [--only FIGURE] [calls] [waiting] [deadline] [swap] "
                   "[flood] [state_http] [state_shards] [state_peers] [state_daprd] [state_socket] [loading] "
                   "[starting] [gathering] [updates]\n");
      return 2;
    }
  }
  Report report(only);
  for (const auto& [name, run] : suite) {
    if (chosen.empty() || std::ranges::find(chosen, name) != chosen.end()) run(report);
  }
  if (!report.finish(out)) {
    std::fprintf(stderr, "bench: cannot write %s\n", out.c_str());
    return 1;
  }
  return report.all_ok() ? 0 : 1;
}
