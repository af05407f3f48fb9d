// The state API over HTTP beside daprd with its in-memory store: requests a second of both programs, from the
// same client.
#include <chrono>
#include <filesystem>
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

constexpr std::size_t kConnections = 64;
constexpr std::uint64_t kRequests = 10'000;  // of one round: longer than a hiccup of the machine
constexpr int kRounds = 9;

double requests_a_second(Load& load) {
  const auto begin = std::chrono::steady_clock::now();
  load.run(kRequests);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  return static_cast<double>(kRequests) / took.count();
}

}  // namespace

void state_daprd(Report& report) {
  const Scratch scratch("state-daprd");
  const std::filesystem::path& folder = scratch.path();
  const std::uint16_t our_port = unused_port();
  const std::filesystem::path manifest = folder / "berth.yaml";
  std::ofstream(manifest) << fmt::format(
      "workloads:\n  store:\n    source: file:{}/store_1.wasm\n    instances: one\n    limits: {{ queue: "
      "4096 }}\n"
      "    triggers:\n      - state: {{ store: bench, listen: 127.0.0.1:{} }}\n"
      "control: {{ socket: {}/control/s }}\nstore: {{ path: store }}\ntelemetry: {{ log: {{ level: error }} "
      "}}\n",
      BERTH_GUESTS, our_port, folder.string());
  const Program berth({BERTH_PROGRAM, "up", manifest.string()}, {}, folder / "berth.log");
  berth.wait_until([&] { return answers(our_port, "/v1.0/healthz"); });
  const Daprd daprd(folder, "in-memory", folder);
  const std::pair<const char*, load::Mix> kinds[] = {{"state_http_vs_daprd_get", load::Mix::kGet},
                                                     {"state_http_vs_daprd_set", load::Mix::kSet}};
  for (const auto& [name, mix] : kinds) {
    const auto plan = [mix](std::uint16_t port) {
      return load::Plan{.host = "127.0.0.1", .port = port, .store = "bench", .mix = mix};
    };
    Load ours(plan(our_port), kConnections);
    Load theirs(plan(daprd.port()), kConnections);
    std::vector<double> a, b, ratios;
    for (int round = 0; round < kRounds; ++round) {
      a.push_back(requests_a_second(ours));
      b.push_back(requests_a_second(theirs));
      ratios.push_back(a.back() / b.back());
    }
    const double ratio = percentile(ratios, 0.5);
    report.add({name, percentile(a, 0.5), "req/s", "daprd 1.14, state.in-memory", percentile(b, 0.5), ratio,
                "ratio >= 3", ratio >= 3});
  }
}

}  // namespace berth::bench
