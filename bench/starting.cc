// Starting: a whole host with a hundred workloads whose code the store has, and whose sources are gone.
#include <poll.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "bench/scratch.h"
#include "bench/suite.h"
#include "cli/control.h"
#include "cli/known.h"
#include "cli/running_host.h"
#include "host/version.h"
#include "manifest/manifest.h"
#include "net/http_router.h"
#include "net/http_server.h"
#include "net/io_context.h"
#include "telemetry/log.h"
#include "tools/load/connection.h"

namespace berth::bench {
namespace {

using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

constexpr int kWorkloads = 100;
constexpr int kStarts = 5;
constexpr std::string_view kGuest = "store_1";

std::string workload_name(int number) { return fmt::format("w{}", number); }

std::uint16_t free_port() {
  const auto io = need(net::IoContext::create(1), "threads");
  net::HttpRouter nothing;
  net::HttpServer server(*io, nothing);
  return need(server.listen("127.0.0.1", 0), "listen");
}

// The manifest and the components, in a folder of their own.
class Fleet final {
 public:
  Fleet() : scratch_("starting"), port_(free_port()) {
    std::ofstream out(manifest());
    out << "workloads:\n";
    for (int i = 0; i < kWorkloads; ++i) {
      out << fmt::format(
          "  {0}:\n    source: file:{0}.wasm\n    instances: one\n"
          "    triggers:\n      - state: {{ store: {0}, listen: 127.0.0.1:{1} }}\n",
          workload_name(i), port_);
      const artifact::Artifact component = guest_artifact(std::string(kGuest), static_cast<std::uint8_t>(i));
      std::ofstream(file(i), std::ios::binary)
          .write(reinterpret_cast<const char*>(component.bytes.data()),
                 static_cast<std::streamsize>(component.bytes.size()));
    }
    out << "store: { path: store }\ncontrol: { socket: control.sock }\n"
           "telemetry: { log: { level: error } }\n";
    if (!out.flush()) need<void>(fail(Code::kUnavailable, "cannot write"), "manifest");
  }
  void remove_components() const {
    for (int i = 0; i < kWorkloads; ++i) fs::remove(file(i));
  }

  // Milliseconds from the manifest's text to a host that serves. Ends when every workload has answered and,
  // if so wanted, code from the store.
  double start(bool from_store) const {
    telemetry::Logger log({.level = telemetry::Level::kError});
    const auto begin = Clock::now();
    const cli::Known known;
    const auto manifest = manifest::load(this->manifest(), known.options());
    if (!manifest) need<void>(fail(manifest.error().to_error()), "manifest");
    const auto host =
        need(cli::RunningHost::start(*manifest, known, log, cli::Listening::kAsTheManifestSays), "start");
    const double took = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
    for (int i = 0; i < kWorkloads; ++i) call(i);
    if (from_store) check_tiers();
    return took;
  }

 private:
  fs::path manifest() const { return scratch_.path() / "berth.yaml"; }
  fs::path file(int number) const { return scratch_.path() / (workload_name(number) + ".wasm"); }

  // Writes a value and reads it back.
  void call(int number) const {
    const load::Plan plan{.host = "127.0.0.1",
                          .port = port_,
                          .store = workload_name(number),
                          .mix = load::Mix::kGet,
                          .keys = 1};
    load::Counts counts;
    load::Connection connection(plan, 0, counts);
    bool answered = connection.open();
    for (int i = 0; i < 2 && answered; ++i) {
      connection.begin();
      pollfd ready{.fd = connection.descriptor(), .events = POLLIN, .revents = 0};
      do answered = ::poll(&ready, 1, 5'000) == 1;
      while (answered && !connection.receive());
    }
    if (!answered || counts.failed + counts.lost != 0 || counts.gets != 1)
      need<void>(fail(Code::kUnavailable, counts.first_error), plan.store.c_str());
  }

  void check_tiers() const {
    auto control = need(cli::ControlClient::connect(scratch_.path() / "control.sock"), "control socket");
    const cli::Json status = need(control.call("status", cli::Json::object()), "status");
    int stored = 0;
    for (const cli::Json& workload : status["workloads"])
      stored += workload["version"]["tier"] == host::tier_name(host::Tier::kCache) ? 1 : 0;
    if (stored != kWorkloads)
      need<void>(fail(Code::kInternal, fmt::format("only {} workloads run stored code", stored)), "status");
  }

  Scratch scratch_;
  std::uint16_t port_;
};

}  // namespace

void starting(Report& report) {
  const Fleet fleet;
  const double first = fleet.start(false);
  fleet.remove_components();
  std::vector<double> starts;
  for (int i = 0; i < kStarts; ++i) starts.push_back(fleet.start(true));
  const double ms = percentile(starts, 0.5);
  report.add({"store_start_ms", ms, "ms", fmt::format("{} workloads; the first start", kWorkloads), first,
              ms / first, "<= 500", ms <= 500});
}

}  // namespace berth::bench
