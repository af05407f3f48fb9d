// Updates: a candidate whose every call traps, until its share of the calls is taken away.
#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "bench/ledger_stage.h"
#include "bench/suite.h"
#include "host/call.h"
#include "host/update/rollout.h"
#include "net/io_context.h"

namespace berth::bench {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kRounds = 30;
constexpr double kCanaryShare = 0.1;
constexpr milliseconds kPatience{5'000};  // much longer than any verdict takes
constexpr milliseconds kQuiet{50};        // steady calls before the update, and after it was given up

// Calls one after the other on a thread of its own, and remembers how each went.
class Caller final {
 public:
  Caller(const host::Typed<Ledger>& ledger, std::uint32_t id)
      : thread_([this, &ledger, id](const std::stop_token& stop) {
          while (!stop.stop_requested()) call(ledger, id);
        }) {}

  struct Past {
    Clock::time_point begun, ended;
    bool failed = false;  // on the candidate
  };
  // Ends it.
  std::vector<Past> stop() {
    thread_.request_stop();
    thread_.join();
    return std::move(calls_);
  }

 private:
  void call(const host::Typed<Ledger>& ledger, std::uint32_t id) {
    Past past{.begun = Clock::now()};
    // Each call has an instance of its own, so it is always that client's first.
    const Result<bool> answer = ledger.call({}, [id](Ledger& l) { return l.record_call(id, 1); });
    past.ended = Clock::now();
    past.failed = !answer && answer.error().code() == Code::kTrap;
    if (!past.failed && !need(answer, "a call on the good version"))
      need<void>(fail(Code::kInternal, "a wrong answer"), "a call on the good version");
    calls_.push_back(past);
  }

  std::vector<Past> calls_;
  std::jthread thread_;  // last: it uses what is above
};

// From the first call that the candidate failed up to its last one, which only ends it: a window with a
// failed call at either end holds more than its share.
struct Window {
  double ms = 0;
  std::uint64_t calls = 0;
  std::uint64_t failed = 0;
};

host::Found found(const host::Version& version) {
  return {.digest = version.about().digest, .source = version.about().source, .release = {}};
}

void await(const std::string& what, const std::function<bool()>& holds) {
  const auto until = Clock::now() + kPatience;
  while (!holds()) {
    if (Clock::now() > until) need<void>(fail(Code::kDeadlineExceeded, "took too long"), what.c_str());
    std::this_thread::sleep_for(milliseconds(1));
  }
}

Window give_up_a_bad_candidate(std::mt19937_64& random) {
  LedgerStage stage;
  const auto workers = need(net::IoContext::create(1), "threads");
  const auto good = stage.version(0);
  const auto bad = stage.version(1, "trapping");
  // The name decides which calls the candidate gets: each round draws others.
  const auto workload = need(stage.host.start({.name = fmt::format("ledger-{:x}", random())}, good), "start");
  const auto ledger = need(host::Typed<Ledger>::of(workload), "bind");
  const auto rollout = host::Rollout::create(
      workload,
      {.canary = host::CanaryPlan{.share = kCanaryShare},
       .rollback = host::RollbackRules{.errors = host::Tolerance{.more = 0.05}, .min_calls = 50}},
      {.fetch = [&](const std::stop_token&) -> Result<std::optional<host::Found>> { return found(*bad); },
       .verify = [](const host::Found&, const std::stop_token&) -> Result<void> { return {}; },
       .compile = [&](const host::Found&, const std::stop_token&) -> Result<host::Built> {
         return host::Built{.version = bad, .shadow = nullptr, .imports = {}};
       }},
      {.workers = *workers,
       .at = [timer = stage.host.timer()](
                 Clock::time_point when,
                 std::move_only_function<void()> work) { timer->at(when, std::move(work)); },
       .now = [] { return Clock::now(); },
       .chance = [] { return 0.5; }},
      {.running = found(*good)});
  rollout->start();

  std::vector<std::unique_ptr<Caller>> callers;
  for (std::uint32_t id = 0; id < kClients; ++id) callers.push_back(std::make_unique<Caller>(ledger, id));
  std::this_thread::sleep_for(kQuiet);
  rollout->look();
  await("giving up the candidate", [&] {
    const auto status = rollout->status();
    if (status.state == host::UpdateState::kRefused)
      need<void>(fail(Code::kInternal, status.reason), "the update");
    return status.state == host::UpdateState::kRolledBack && !workload->status().canary;
  });
  const auto given_up = Clock::now();
  std::this_thread::sleep_for(kQuiet);

  std::vector<Caller::Past> calls;
  for (const auto& caller : callers) {
    const auto some = caller->stop();
    calls.insert(calls.end(), some.begin(), some.end());
  }
  rollout->stop();
  const auto by_begin = [](const Caller::Past& a, const Caller::Past& b) { return a.begun < b.begun; };
  std::ranges::sort(calls, by_begin);
  const auto first = std::ranges::find_if(calls, &Caller::Past::failed);
  if (first == calls.end()) need<void>(fail(Code::kInternal, "no call reached it"), "the candidate");
  auto last_begun = first->begun, last = first->ended;
  for (const Caller::Past& call : calls) {
    if (!call.failed) continue;
    last_begun = std::max(last_begun, call.begun);
    last = std::max(last, call.ended);
  }
  Window window{.ms = std::chrono::duration<double, std::milli>(last - first->begun).count()};
  for (auto call = first; call->begun < last_begun; ++call) {
    ++window.calls;
    window.failed += call->failed ? 1 : 0;
  }
  const std::string serves = workload->status().current.digest;
  if (serves != found(*good).digest)
    need<void>(fail(Code::kInternal, serves + " serves"), "after the candidate");
  if (last_begun > given_up) need<void>(fail(Code::kInternal, "it still gets calls"), "after the candidate");
  if (calls.back().begun < given_up)
    need<void>(fail(Code::kInternal, "nothing is called"), "after the candidate");
  return window;
}

}  // namespace

void updates(Report& report) {
  std::mt19937_64 random{std::random_device{}()};
  std::vector<double> ms;
  Window all;
  for (int round = 0; round < kRounds; ++round) {
    const Window window = give_up_a_bad_candidate(random);
    ms.push_back(window.ms);
    all.calls += window.calls;
    all.failed += window.failed;
  }
  const double calls = static_cast<double>(all.calls);
  const double share = static_cast<double>(all.failed) / calls;
  report.add({"rollback_ms", percentile(ms, 0.5), "ms",
              fmt::format("{} of {} calls failed in {} windows", all.failed, all.calls, kRounds), share, 0,
              "failed <= 10%, +1 a window",
              static_cast<double>(all.failed - kRounds) <= kCanaryShare * calls});
}

}  // namespace berth::bench
