// A pluggable component behind daprd: ours beside Dapr's in-memory store built with Dapr's SDK for
// components.
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "bench/program.h"
#include "bench/scratch.h"
#include "bench/suite.h"
#include "tools/load/connection.h"

namespace berth::bench {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kConnections = 64;
constexpr std::uint64_t kRequests = 6'000;
constexpr int kRounds = 15;

// daprd in front of one component.
class Daprd final {
 public:
  Daprd(const fs::path& folder, const std::string& component, const fs::path& sockets)
      : port_(unused_port()) {
    const fs::path resources = folder / (component + "-resources");
    fs::create_directories(resources);
    std::ofstream(resources / "component.yaml") << fmt::format(
        "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {{ name: bench }}\n"
        "spec: {{ type: state.{}, version: v1, metadata: [] }}\n",
        component);
    program_ = std::make_unique<Program>(
        std::vector<std::string>{BERTH_SERVERS "/daprd",
                                 "--app-id",
                                 "bench",
                                 "--mode",
                                 "standalone",
                                 "--resources-path",
                                 resources.string(),
                                 "--dapr-http-port",
                                 std::to_string(port_),
                                 "--dapr-grpc-port",
                                 std::to_string(unused_port()),
                                 "--dapr-internal-grpc-port",
                                 std::to_string(unused_port()),
                                 "--dapr-listen-addresses",
                                 "127.0.0.1",
                                 "--dapr-internal-grpc-listen-address",
                                 "127.0.0.1",
                                 "--enable-metrics=false",
                                 "--log-level",
                                 "error"},
        std::vector<std::string>{"DAPR_COMPONENTS_SOCKETS_FOLDER=" + sockets.string()},
        folder / (component + "-daprd.log"));
    program_->wait_until([this] { return answers(port_, "/v1.0/healthz/outbound"); });
  }

  // Requests a second of all connections together, gets and sets.
  [[nodiscard]] double run() {
    const load::Plan plan{.host = "127.0.0.1", .port = port_, .store = "bench", .mix = load::Mix::kBoth};
    load::Counts counts;
    std::vector<std::unique_ptr<load::Connection>> connections;
    const int poll = epoll_create1(EPOLL_CLOEXEC);
    for (std::size_t i = 0; i < kConnections; ++i) {
      // Keys of its own: writes of the run before may still be under way.
      auto& connection = connections.emplace_back(std::make_unique<load::Connection>(plan, next_++, counts));
      if (!connection->open()) std::exit(1);
      epoll_event event{.events = EPOLLIN, .data = {.ptr = connection.get()}};
      epoll_ctl(poll, EPOLL_CTL_ADD, connection->descriptor(), &event);
    }
    const auto begin = Clock::now();
    for (auto& connection : connections) connection->begin();
    epoll_event events[kConnections];
    while (counts.calls < kRequests) {
      const int n = epoll_wait(poll, events, kConnections, 5'000);
      if (n <= 0) need<void>(fail(Code::kUnavailable, "no answer"), "daprd");
      for (int i = 0; i < n; ++i) {
        auto* connection = static_cast<load::Connection*>(events[i].data.ptr);
        if (connection->receive()) connection->begin();
      }
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    ::close(poll);
    if (counts.failed + counts.lost + counts.out_of_order != 0)
      need<void>(fail(Code::kUnavailable, counts.first_error), "daprd");
    return static_cast<double>(counts.calls) / seconds;
  }

 private:
  std::uint16_t port_;
  std::size_t next_ = 0;  // number of a connection
  std::unique_ptr<Program> program_;
};

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
    if (round % 2 == 0) a.push_back(to_ours.run());
    b.push_back(to_reference.run());
    if (round % 2 != 0) a.push_back(to_ours.run());
    ratios.push_back(a.back() / b.back());
  }
  const double ratio = percentile(ratios, 0.5);
  report.add({"state_socket_vs_reference", percentile(a, 0.5), "req/s",
              "Dapr's store, Dapr's SDK, same daprd", percentile(b, 0.5), ratio, ">= 1.0", ratio >= 1.0});
}

}  // namespace berth::bench
