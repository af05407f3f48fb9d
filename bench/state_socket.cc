// A pluggable component behind daprd: ours beside Dapr's in-memory store built with Dapr's SDK for
// components.
#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "bench/daprd.h"
#include "bench/load.h"
#include "bench/program.h"
#include "bench/scratch.h"
#include "bench/suite.h"

namespace berth::bench {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kConnections = 64;
constexpr std::uint64_t kRequests = 6'000;
constexpr int kRounds = 15;

// Requests a second of all connections together, gets and sets.
double requests_a_second(const Daprd& daprd) {
  Load load({.host = "127.0.0.1", .port = daprd.port(), .store = "bench", .mix = load::Mix::kBoth},
            kConnections);
  const auto begin = Clock::now();
  load.run(kRequests);
  return static_cast<double>(kRequests) / std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace

void state_socket(Report& report) {
  const Scratch scratch("state-socket");
  const fs::path& folder = scratch.path();
  const fs::path sockets = folder / "sockets";
  const fs::path manifest = folder / "berth.yaml";
  std::ofstream(manifest) << fmt::format(
      "workloads:\n  store:\n    source: file:{}/store_1.wasm\n    instances: one\n    limits: {{ queue: "
      "4096 }}\n"
      "    triggers:\n      - state: {{ store: berth, listen: 127.0.0.1:{}, component-socket: {} }}\n"
      "control: {{ socket: {}/control/s }}\nstore: {{ path: store }}\ntelemetry: {{ log: {{ level: error }} "
      "}}\n",
      BERTH_GUESTS, unused_port(), sockets.string(), folder.string());
  const Program ours({BERTH_PROGRAM, "up", manifest.string()}, {}, folder / "berth.log");
  ours.wait_until([&] { return fs::exists(sockets / "berth.sock"); });
  const Program reference({BERTH_SERVERS "/dapr-reference"},
                          {"DAPR_COMPONENT_SOCKETS_FOLDER=" + sockets.string()}, folder / "reference.log");
  reference.wait_until([&] { return fs::exists(sockets / "reference.sock"); });

  Daprd to_ours(folder, "berth", sockets);
  Daprd to_reference(folder, "reference", sockets);
  std::vector<double> a, b, ratios;
  for (int round = 0; round < kRounds; ++round) {
    // Each goes first in every other round: a machine that gets slower meanwhile is slower for both.
    if (round % 2 == 0) a.push_back(requests_a_second(to_ours));
    b.push_back(requests_a_second(to_reference));
    if (round % 2 != 0) a.push_back(requests_a_second(to_ours));
    ratios.push_back(a.back() / b.back());
  }
  const double ratio = percentile(ratios, 0.5);
  report.add({"state_socket_vs_reference", percentile(a, 0.5), "req/s",
              "Dapr's store, Dapr's SDK, same daprd", percentile(b, 0.5), ratio, ">= 1.0", ratio >= 1.0});
}

}  // namespace berth::bench
