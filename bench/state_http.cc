// The state API: processor time of the serving thread for each request, through a component and
// through the same HTTP server answering from a native map.
#include <time.h>

#include <future>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include "abi/engine.h"
#include "applications/statestore/native/component_store.h"
#include "applications/statestore/native/dapr_http.h"
#include "applications/statestore/native/memory_store.h"
#include "applications/statestore/native/workload_store.h"
#include "bench/load.h"
#include "bench/suite.h"
#include "host/component/loader.h"
#include "host/host.h"
#include "net/http_server.h"
#include "net/io_context.h"
#include "telemetry/metrics.h"

namespace berth::bench {
namespace {

constexpr std::size_t kConnections = 16;

// One server on one thread, and how much of a processor that thread has used.
class Served {
 public:
  explicit Served(net::IoContext& io, std::shared_ptr<statestore::Store> store) : io_(io) {
    need(api_.add("bench", "bench", std::move(store)), "store");
    server_ = std::make_unique<net::HttpServer>(io_, api_);
    port_ = need(server_->listen("127.0.0.1", 0), "listen");
  }

  // Sends `requests` of `mix` over keep-alive connections; returns the server's nanoseconds.
  std::uint64_t run(load::Mix mix, std::uint64_t requests) {
    Load load({.host = "127.0.0.1", .port = port_, .store = "bench", .mix = mix}, kConnections);
    const std::uint64_t before = busy();
    load.run(requests);
    return busy() - before;
  }

 private:
  // Processor time of the server's only thread, read on it.
  std::uint64_t busy() {
    std::promise<std::uint64_t> answer;
    io_.post([&] {
      timespec t{};
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
      answer.set_value(static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 +
                       static_cast<std::uint64_t>(t.tv_nsec));
    });
    return answer.get_future().get();
  }

  net::IoContext& io_;
  statestore::DaprHttp api_;
  std::unique_ptr<net::HttpServer> server_;
  std::uint16_t port_ = 0;
};

}  // namespace

void state_http(Report& report) {
  auto io = need(net::IoContext::create(1), "threads");
  auto peer_io = need(net::IoContext::create(1), "threads");
  telemetry::Metrics metrics;
  host::Host host(*io, metrics);
  host::Loader loader(need(abi::Engine::create({}), "engine"), *io, {});
  auto version = need(
      loader.load(guest_artifact("store_1"), {.workload = "store", .binder = statestore::store_binder({})}),
      "load");
  auto workload =
      need(host.start({.name = "store", .instances = host::InstancePolicy::one()}, version), "start");
  auto typed = need(host::Typed<statestore::Store>::of(workload), "bind");

  Served ours(*io, std::make_shared<statestore::WorkloadStore>(typed));
  Served theirs(*peer_io, std::make_shared<statestore::MemoryStore>());
  const std::pair<const char*, load::Mix> kinds[] = {{"state_http_get", load::Mix::kGet},
                                                     {"state_http_set", load::Mix::kSet}};
  for (auto [name, mix] : kinds) {
    // Both measured in nanoseconds of one core for each request; shown as requests a second.
    std::vector<double> a, b, ratios;
    constexpr std::uint64_t kRequests = 4'000;
    for (int round = 0; round < 15; ++round) {
      a.push_back(static_cast<double>(ours.run(mix, kRequests)) / kRequests);
      b.push_back(static_cast<double>(theirs.run(mix, kRequests)) / kRequests);
      ratios.push_back(a.back() / b.back());
    }
    double ratio = percentile(ratios, 0.5);
    report.add({name, 1e9 / percentile(a, 0.5), "req/s", "same server, std::unordered_map",
                1e9 / percentile(b, 0.5), ratio, "<= 1.5 in time", ratio <= 1.5});
  }
}

}  // namespace berth::bench
