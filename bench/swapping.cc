// Swapping: a million calls while versions are swapped under them, and a flood next door.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "bench/ledger_stage.h"
#include "bench/suite.h"
#include "host/call.h"

namespace berth::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kCalls = 1'000'000;
constexpr std::uint64_t kSwaps = 200;

// One client: calls with rising sequence numbers and says what became of them.
struct Client {
  std::uint32_t id = 0;
  std::uint64_t seq = 0;
  std::uint64_t wrong = 0;  // failed, lost or out of order
  std::vector<double> micros;

  void call(const host::Typed<Ledger>& ledger) {
    auto start = Clock::now();
    std::uint64_t next = seq + 1;
    Result<bool> answer = ledger.call({}, [&](Ledger& l) { return l.record_call(id, next); });
    micros.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
    if (answer && *answer) {
      seq = next;
    } else {
      if (++wrong == 1 && !answer) std::fprintf(stderr, "swap: %s\n", answer.error().to_string().c_str());
      if (answer) seq = next;
    }
  }
};

// Every client makes at least `calls` calls on a thread of its own, and goes on until `enough`.
// Returns their latencies together.
std::vector<double> drive(
    std::vector<Client>& clients, const host::Typed<Ledger>& ledger, std::uint64_t calls,
    const std::function<bool()>& enough = [] { return true; }) {
  std::vector<std::jthread> threads;
  for (Client& client : clients) {
    client.micros.clear();
    client.micros.reserve(calls * 4);
    threads.emplace_back([&client, &ledger, &enough, calls] {
      for (std::uint64_t i = 0; i < calls || !enough(); ++i) client.call(ledger);
    });
  }
  threads.clear();
  std::vector<double> all;
  for (Client& client : clients) all.insert(all.end(), client.micros.begin(), client.micros.end());
  return all;
}

}  // namespace

void swap(Report& report) {
  LedgerStage stage;
  auto first = stage.version(0);
  auto workload =
      need(stage.host.start({.name = "ledger", .instances = host::InstancePolicy::one()}, first), "start");
  auto ledger = need(host::Typed<Ledger>::of(workload), "bind");
  std::vector<Client> clients(kClients);
  for (std::size_t i = 0; i < kClients; ++i) clients[i].id = static_cast<std::uint32_t>(i);

  drive(clients, ledger, 20'000);  // warm
  std::vector<double> quiet = drive(clients, ledger, kCalls / kClients);

  std::atomic<std::uint64_t> swaps = 0;
  std::uint64_t failed = 0;
  std::chrono::nanoseconds longest{0};
  std::shared_ptr<const host::ComponentVersion> versions[] = {stage.version(1), stage.version(2)};
  std::jthread swapper([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      auto swapped = workload->swap(versions[swaps % 2]);
      if (!swapped && ++failed == 1) std::fprintf(stderr, "swap: %s\n", swapped.error().to_string().c_str());
      if (swapped) longest = std::max(longest, swapped->pause);
      ++swaps;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  });
  std::vector<double> busy = drive(clients, ledger, kCalls / kClients, [&] { return swaps >= kSwaps; });
  swapper.request_stop();
  swapper.join();

  std::uint64_t wrong = 0;
  for (const Client& client : clients) wrong += client.wrong;
  report.add({"swap_lost", static_cast<double>(wrong), "calls",
              fmt::format("{} calls, {} swaps ({} failed)", busy.size(), swaps.load(), failed), 0, 0,
              "0 failed, lost or reordered",
              wrong == 0 && failed == 0 && busy.size() >= kCalls && swaps >= kSwaps});
  double with = percentile(busy, 0.99), without = percentile(quiet, 0.99);
  report.add({"swap_p99", with, "us",
              fmt::format("without swaps; longest pause {} us", longest.count() / 1000), without,
              with / without, "ratio <= 2", with / without <= 2});
}

void flood(Report& report) {
  LedgerStage stage;
  host::WorkloadSpec quiet_spec{.name = "quiet", .instances = host::InstancePolicy::one()};
  host::WorkloadSpec flooded_spec{.name = "flooded", .instances = host::InstancePolicy::one()};
  flooded_spec.limits.queue = 16;
  auto quiet = need(stage.host.start(quiet_spec, stage.version(0)), "start");
  auto flooded = need(stage.host.start(flooded_spec, stage.version(1)), "start");
  auto calm = need(host::Typed<Ledger>::of(quiet), "bind");
  auto wild = need(host::Typed<Ledger>::of(flooded), "bind");

  std::vector<Client> client(1);
  drive(client, calm, 20'000);
  std::vector<double> before = drive(client, calm, 300'000);
  std::atomic<bool> stop = false;
  // One core floods, the other serves the quiet workload: what is measured is what the host shares.
  std::jthread flooder([&] {
    Client c{.id = 9};
    while (!stop) {
      c.call(wild);
      c.micros.clear();
    }
  });
  std::vector<double> during = drive(client, calm, 300'000);
  stop = true;
  double with = percentile(during, 0.99), without = percentile(before, 0.99);
  report.add({"flood_p99", with, "us", "the same without the flood", without, with / without, "ratio <= 2",
              with / without <= 2 && client[0].wrong == 0});
}

}  // namespace berth::bench
