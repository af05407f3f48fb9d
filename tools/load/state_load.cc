// state_load: puts load on a state API and checks every answer.
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "tools/load/connection.h"

namespace load {
namespace {

// How long an answer may take before the run is given up.
constexpr std::chrono::seconds kStuck{30};

struct Run {
  Plan plan;
  std::size_t connections = 8;
  double seconds = 10;
  std::uint64_t calls = 0;  // 0: until `seconds` have passed
};

// SIGTERM: enough calls were made.
volatile sig_atomic_t told_to_end = 0;

double micros(std::chrono::nanoseconds time) { return static_cast<double>(time.count()) / 1000; }

// False when the server stopped answering.
bool drive(const Run& run, Counts& counts, std::chrono::duration<double>& took) {
  std::vector<std::unique_ptr<Connection>> connections;
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  const auto watch = [&](Connection& c) {
    epoll_event event{.events = EPOLLIN, .data = {.ptr = &c}};
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, c.descriptor(), &event);
  };
  for (std::size_t i = 0; i < run.connections; ++i) {
    connections.push_back(std::make_unique<Connection>(run.plan, i, counts));
    if (!connections.back()->open()) return false;
    watch(*connections.back());
  }
  const auto begun = Clock::now();
  const auto until =
      begun + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(run.seconds));
  std::uint64_t started = 0;
  const auto more = [&] {
    const bool go_on = told_to_end == 0 && (run.calls > 0 ? started < run.calls : Clock::now() < until);
    started += go_on;
    return go_on;
  };
  std::size_t busy = 0;
  std::size_t checking = 0;
  const auto next = [&](Connection& c) {
    if (more()) {
      c.begin();
      return;
    }
    if (checking == 0) took = Clock::now() - begun;
    ++checking;
    if (c.checked_all()) {
      --busy;
    } else {
      c.begin_final_check();
    }
  };
  for (const auto& c : connections) {
    ++busy;
    next(*c);
  }
  std::vector<epoll_event> events(run.connections);
  while (busy > 0) {
    const int n = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()),
                               static_cast<int>(std::chrono::milliseconds(kStuck).count()));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      counts.first_error = "no answer for 30 s";
      ++counts.failed;
      break;
    }
    for (int i = 0; i < n; ++i) {
      auto& c = *static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
      const int before = c.descriptor();
      if (!c.receive()) continue;
      if (c.descriptor() != before) watch(c);  // opened again
      next(c);
    }
  }
  ::close(epoll);
  return busy == 0;
}

void report(const Counts& counts, double seconds, bool as_json) {
  const double rate = seconds > 0 ? static_cast<double>(counts.calls) / seconds : 0;
  const auto& l = counts.latencies;
  if (as_json) {
    nlohmann::ordered_json out = {
        {"calls", counts.calls},        {"gets", counts.gets},      {"sets", counts.sets},
        {"failed", counts.failed},      {"lost", counts.lost},      {"out_of_order", counts.out_of_order},
        {"seconds", seconds},           {"calls_per_second", rate}, {"p50_us", micros(l.at(0.50))},
        {"p99_us", micros(l.at(0.99))}, {"max_us", micros(l.max())}};
    if (!counts.first_error.empty()) out["first_error"] = counts.first_error;
    std::printf("%s\n", out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    return;
  }
  std::printf("calls         %llu in %.1f s, %.0f a second (%llu get, %llu set)\n",
              static_cast<unsigned long long>(counts.calls), seconds, rate,
              static_cast<unsigned long long>(counts.gets), static_cast<unsigned long long>(counts.sets));
  std::printf("p50           %.0f us\np99           %.0f us\nmax           %.0f us\n", micros(l.at(0.50)),
              micros(l.at(0.99)), micros(l.max()));
  std::printf("failed        %llu\nlost          %llu\nout of order  %llu\n",
              static_cast<unsigned long long>(counts.failed), static_cast<unsigned long long>(counts.lost),
              static_cast<unsigned long long>(counts.out_of_order));
  if (!counts.first_error.empty()) std::printf("first error   %s\n", counts.first_error.c_str());
}

}  // namespace
}  // namespace load

int main(int argc, char** argv) {
  CLI::App app{
      "Puts load on Dapr's HTTP state API and checks every answer, until its time is over or SIGTERM comes.\n"
      "Exit code 1 when any was wrong."};
  load::Run run;
  std::string address = "127.0.0.1:3500";
  std::string mix = "both";
  bool json = false;
  run.plan.store = "statestore";
  app.add_option("--address", address, "Where the API is: an IPv4 address and a port")->capture_default_str();
  app.add_option("--store", run.plan.store, "Name of the state store")->capture_default_str();
  app.add_option("--connections", run.connections, "Keep-alive connections")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--seconds", run.seconds, "How long to go on")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--calls", run.calls, "End after this many calls instead");
  app.add_option("--mix", mix, "Calls after each key was written: get, set or both")
      ->check(CLI::IsMember({"get", "set", "both"}))
      ->capture_default_str();
  app.add_option("--keys", run.plan.keys, "Keys of each connection")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--value-bytes", run.plan.value_bytes, "Size of a value, at least its check text")
      ->check(CLI::Range(1, 4000000))
      ->capture_default_str();
  app.add_flag("--json", json, "Report as JSON");
  app.footer(
      "Example:\n  state_load --address 127.0.0.1:3500 --store statestore --connections 8 --seconds 5");
  CLI11_PARSE(app, argc, argv);

  const auto colon = address.rfind(':');
  const char* const end = address.data() + address.size();
  if (colon == std::string::npos ||
      std::from_chars(address.data() + colon + 1, end, run.plan.port).ptr != end || run.plan.port == 0) {
    std::fprintf(stderr,
                 "state_load: --address %s: write an IPv4 address and a port, such as 127.0.0.1:3500\n",
                 address.c_str());
    return 2;
  }
  run.plan.host = address.substr(0, colon);
  run.plan.mix = mix == "get" ? load::Mix::kGet : mix == "set" ? load::Mix::kSet : load::Mix::kBoth;

  struct sigaction ending{};
  ending.sa_handler = [](int) { load::told_to_end = 1; };
  ::sigaction(SIGTERM, &ending, nullptr);
  auto counts = std::make_unique<load::Counts>();
  std::chrono::duration<double> took{0};
  const bool answered = load::drive(run, *counts, took);
  load::report(*counts, took.count(), json);
  const bool good =
      answered && counts->calls > 0 && counts->failed + counts->lost + counts->out_of_order == 0;
  return good ? 0 : 1;
}
