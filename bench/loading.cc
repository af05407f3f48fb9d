// Loading: the first answer of components with large runtimes, cold in tiers and warm from the store.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "abi/engine.h"
#include "abi/export.h"
#include "abi/linker.h"
#include "applications/gather/native/component_gatherers.h"
#include "artifact/artifact.h"
#include "artifact/store/store.h"
#include "base/file_system.h"
#include "bench/scratch.h"
#include "bench/suite.h"
#include "capabilities/kubernetes/binding.h"
#include "cli/kept_code.h"
#include "host/call.h"
#include "host/component/binder.h"
#include "host/component/loader.h"
#include "host/component/tiers.h"
#include "host/host.h"
#include "net/io_context.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace berth::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Answer = abi::Call<std::uint32_t, std::uint32_t>;

constexpr std::string_view kAnswer = "func(n: u32) -> u32";
constexpr int kColdRounds = 3;
constexpr int kWarmRounds = 20;

// The guests' one export.
class Answering final {
 public:
  static host::Binder binder() {
    return host::bind_as<Answering>(
        [](const abi::Pre& pre) -> Result<void> {
          BERTH_TRY(Answer::find(pre, "", "answer", kAnswer));
          return {};
        },
        [](abi::Instance& instance) -> Result<std::unique_ptr<Answering>> {
          return std::make_unique<Answering>(instance);
        });
  }
  explicit Answering(abi::Instance& instance) : instance_(instance) {}
  Task<Result<std::uint32_t>> answer(std::uint32_t n) {
    const abi::Function function = BERTH_CO_TRY(Answer::find(instance_.pre(), "", "answer", kAnswer));
    co_return co_await Answer::run_async(instance_, function, n);
  }

 private:
  abi::Instance& instance_;
};

// Go's runtime imports much of WASI before anybody asks it to; it gets an empty world.
class EmptyWorld final : public host::Grant {
 public:
  std::string_view capability() const override { return "wasi"; }
  bool covers(std::string_view interface) const override { return interface.starts_with("wasi:"); }
  Result<void> link(abi::Linker& linker) const override {
    for (const std::string_view group : {"cli", "clocks", "random", "filesystem", "sockets"})
      BERTH_TRY(linker.add_wasi(group));
    return {};
  }
};

// What a program has before it loads anything.
struct Yard {
  std::unique_ptr<net::IoContext> io = need(net::IoContext::create(1), "threads");
  std::shared_ptr<const abi::Engine> engine = need(abi::Engine::create({.max_instances = 64}), "engine");
  telemetry::Metrics metrics;
  host::Host host{*io, metrics};
  host::LoadRequest request{.workload = "answer",
                            .grants = {std::make_shared<EmptyWorld>()},
                            .limits = {.memory_bytes = std::uint64_t{64} << 20},
                            .binder = Answering::binder()};

  // Milliseconds since `begin`, when the version has answered.
  double serve(std::shared_ptr<const host::Version> version, Clock::time_point begin) {
    auto workload = need(host.start({.name = "answer"}, std::move(version)), "start");
    const auto typed = need(host::Typed<Answering>::of(workload), "bind");
    std::atomic<bool> done = false;
    Result<std::uint32_t> answer = 0;
    detach(typed.call_async({}, [](Answering& a) { return a.answer(451); }), [&](Result<std::uint32_t> r) {
      answer = std::move(r);
      done = true;
      done.notify_one();
    });
    done.wait(false);
    const double took = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
    if (need(std::move(answer), "answer") != 10) need<void>(fail(Code::kInternal, "a wrong sum"), "answer");
    need(host.stop("answer"), "stop");
    return took;
  }
};

host::TierOptions options(std::size_t tiered_from_bytes = host::kTieredFromBytes) {
  return {.compiler = {.program = BERTH_PROGRAM},
          .tiered_from_bytes = tiered_from_bytes,
          .notice = [](const Error& error) { need<void>(fail(error), "tiers"); }};
}

// What a gatherer is lent; there is no API behind it.
void lend_to_gatherer(Yard& yard, telemetry::Logger& log) {
  yard.request.grants.push_back(gather::records_grant());
  yard.request.grants.push_back(
      kubernetes::grant(nullptr, {}, {.workload = "answer", .log = log, .metrics = yard.metrics}));
  yard.request.binder = gather::gatherers_binder();
}

enum class Until : std::uint8_t { kLoaded, kAnswered };

// Median milliseconds until a component that the store has was loaded, or has answered; each time the store
// checks the whole of its compiled code.
double warm(
    const artifact::Artifact& component, Until until, const std::function<void(Yard&)>& lend = [](Yard&) {}) {
  const Scratch scratch("store");
  SystemFiles files;
  const artifact::Store store =
      need(artifact::Store::open({.folder = scratch.path() / "store",
                                  .notice = [](const Error& error) { need<void>(fail(error), "store"); }},
                                 files),
           "store");
  cli::KeptCode kept_code(store);
  std::vector<double> rounds;
  {
    Yard yard;
    const host::Tiers tiers(yard.engine, options(), &kept_code);
    need(tiers.best(component, {}), "compile");
  }
  for (int round = 0; round < kWarmRounds; ++round) {
    Yard yard;
    lend(yard);
    const host::Tiers tiers(yard.engine, options(), &kept_code);
    const host::Loader loader(yard.engine, *yard.io, {}, &tiers);
    const auto begin = Clock::now();
    auto version = need(loader.load_stored(component, yard.request), "load");
    if (until == Until::kAnswered) {
      rounds.push_back(yard.serve(std::move(version), begin));
    } else {
      rounds.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
    }
  }
  return percentile(rounds, 0.5);
}

}  // namespace

void loading(Report& report) {
  const artifact::Artifact python = guest_artifact("answer_py");
  // A process that has started already: nothing is found in its caches but the component's bytes.
  const auto cold = [&](std::size_t tiered_from_bytes) {
    Yard yard;
    const host::Tiers tiers(yard.engine, options(tiered_from_bytes), nullptr);
    const host::Loader loader(yard.engine, *yard.io, {}, &tiers);
    const auto begin = Clock::now();
    return yard.serve(need(loader.load(python, yard.request), "load"), begin);
  };
  std::vector<double> tiered, well, ratios;
  for (int round = 0; round < kColdRounds; ++round) {
    tiered.push_back(cold(host::kTieredFromBytes));
    well.push_back(cold(python.bytes.size() + 1));
    ratios.push_back(tiered.back() / well.back());
  }
  const double ratio = percentile(ratios, 0.5);
  report.add({"cold_first_answer", percentile(tiered, 0.5), "ms",
              fmt::format("Cranelift only, {:.1f} MB", static_cast<double>(python.bytes.size()) / 1e6),
              percentile(well, 0.5), ratio, "ratio <= 0.4", ratio <= 0.4});
  report.at_most("warm_first_answer_ms", warm(python, Until::kAnswered), "ms", 20);
  report.at_most("load_go_ms", warm(guest_artifact("answer_go"), Until::kLoaded), "ms", 10);
  telemetry::Logger log({});
  report.at_most("gather_load_ms",
                 warm(guest_artifact("gather_operators_go"), Until::kLoaded,
                      [&](Yard& yard) { lend_to_gatherer(yard, log); }),
                 "ms", 10);
}

}  // namespace berth::bench
