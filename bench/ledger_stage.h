// LedgerStage: everything a workload of the guest `ledger` needs, in one place.
#pragma once

#include <memory>
#include <string>

#include <bindings/swapping_bindings.h>

#include "abi/engine.h"
#include "bench/suite.h"
#include "host/component/binder.h"
#include "host/component/loader.h"
#include "host/host.h"
#include "net/io_context.h"
#include "telemetry/metrics.h"

namespace berth::bench {

namespace wit_swap = wit::swapping::berth::bench;
using Ledger = wit_swap::Ledger;

inline constexpr std::size_t kClients = 2;

inline host::Binder ledger_binder() {
  return host::bind_as<Ledger>(
      [](const abi::Pre& pre) { return wit_swap::LedgerExport::check(pre); },
      [](abi::Instance& instance) -> Result<std::unique_ptr<Ledger>> {
        return std::make_unique<wit_swap::LedgerExport>(BERTH_TRY(wit_swap::LedgerExport::create(instance)));
      });
}

struct LedgerStage {
  std::unique_ptr<net::IoContext> io = need(net::IoContext::create(1), "threads");
  std::shared_ptr<const abi::Engine> engine = need(abi::Engine::create({}), "engine");
  telemetry::Metrics metrics;
  host::Loader loader{engine, *io, {}};
  host::Host host{*io, metrics};

  // Each `build` is another version, as a new build would be.
  [[nodiscard]] std::shared_ptr<const host::ComponentVersion> version(
      std::uint8_t build, const std::string& name = "ledger") const {
    return need(loader.load(guest_artifact(name, build), {.workload = "ledger", .binder = ledger_binder()}),
                "load");
  }
};

}  // namespace berth::bench
