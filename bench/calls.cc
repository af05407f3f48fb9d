// Calls: the boundary in both directions and instantiation, beside wasmtime's own Rust API.
#include <chrono>
#include <memory>

#include <bindings/bench_bindings.h>

#include "abi/component.h"
#include "abi/engine.h"
#include "abi/instance.h"
#include "abi/linker.h"
#include "bench/suite.h"

struct Peer;
extern "C" Peer* berth_peer_new(const std::uint8_t* bytes, std::size_t len);
extern "C" std::uint64_t berth_peer_run(Peer* peer, std::uint32_t op, std::uint32_t size,
                                        const std::uint8_t* bytes, std::uint64_t iterations);

namespace berth::bench {
namespace {

namespace wit_bench = wit::bench::berth::bench;

enum PeerOp : std::uint32_t { kAdd, kHostLoop, kBytesIn, kBytesOut, kRows, kInstantiate };

constexpr std::uint32_t kLoop = 1000;  // guest to host calls for each call of host-loop
constexpr std::uint32_t kRowCount = 1000;

class Ticks final : public wit_bench::Host {
  Result<std::uint32_t> tick(std::uint32_t x) override { return x + 1; }
};

std::vector<wit_bench::guest::Row> make_rows() {
  std::vector<wit_bench::guest::Row> rows;
  for (std::uint32_t i = 0; i < kRowCount; ++i) {
    rows.push_back({.id = i,
                    .name = "row number " + std::to_string(i),
                    .score = i / 3.0,
                    .active = i % 2 == 0,
                    .count = i % 3 == 0 ? std::optional<std::uint64_t>(std::uint64_t{i} << 20) : std::nullopt,
                    .tags = {1, 2, 3, static_cast<std::uint16_t>(i)}});
  }
  return rows;
}

template <class F>
Timed timed(F once) {
  return [once](std::uint64_t iterations) {
    auto start = std::chrono::steady_clock::now();
    for (std::uint64_t i = 0; i < iterations; ++i) once(i);
    return static_cast<std::uint64_t>(
        std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count());
  };
}

// What a caller does: looks whether it went well, and uses the value where it is.
template <class T>
T checked(Result<T>&& result) {
  if (!result) [[unlikely]]
    return need(std::move(result), "call");
  return std::move(*result);
}

}  // namespace

void calls(Report& report) {
  std::vector<std::uint8_t> bytes = guest("bench");
  auto engine = need(abi::Engine::create({}), "engine");
  auto component = need(abi::Component::compile(engine, bytes), "compile");
  auto linker = need(abi::Linker::create(engine), "linker");
  need(wit_bench::Host::add_to_linker(linker), "link");
  auto pre = need(linker.link(component), "link");
  Ticks ticks;
  auto instantiate = [&] {
    auto state = abi::InstanceState::create();
    state->provide<wit_bench::Host>(ticks);
    return checked(abi::Instance::create(pre, state, {}));
  };
  auto instance = instantiate();
  auto g = need(wit_bench::GuestExport::create(*instance), "exports");

  Peer* peer = berth_peer_new(bytes.data(), bytes.size());
  if (peer == nullptr) std::exit(1);
  auto theirs = [peer](PeerOp op, std::uint32_t size, const std::uint8_t* bytes = nullptr) {
    return [=](std::uint64_t iterations) { return berth_peer_run(peer, op, size, bytes, iterations); };
  };

  // Are both doing the same? A wrong answer would make every ratio worthless.
  auto rows = make_rows();
  if (checked(g.add(40, 2)) != 42 || checked(g.bytes_out(100)).size() != 100 ||
      checked(g.rows(rows)) != rows || checked(g.host_loop(3)) != 2) {
    std::fprintf(stderr, "bench: the bench guest answers wrongly\n");
    std::exit(1);
  }

  std::uint64_t sum = 0;  // read at the end, so that no call can be dropped
  report.compare("call_scalar", "Rust TypedFunc", 1.3,
                 timed([&](std::uint64_t i) { sum += checked(g.add(static_cast<std::uint32_t>(i), 2)); }),
                 theirs(kAdd, 0));
  report.compare("call_host_scalar", "Rust func_wrap (1,000 a call)", 1.3,
                 timed([&](std::uint64_t) { sum += checked(g.host_loop(kLoop)); }), theirs(kHostLoop, kLoop));
  const std::pair<const char*, std::uint32_t> sizes[] = {{"1k", 1 << 10}, {"64k", 1 << 16}, {"1m", 1 << 20}};
  for (auto [label, size] : sizes) {
    std::vector<std::uint8_t> data(size, 7);
    report.compare(std::string("bytes_") + label + "_in", "Rust &[u8]", 1.1,
                   timed([&](std::uint64_t) { sum += checked(g.bytes_in(data)); }),
                   theirs(kBytesIn, size, data.data()));
    report.compare(std::string("bytes_") + label + "_out", "Rust Vec<u8>", 1.1,
                   timed([&](std::uint64_t) { sum += checked(g.bytes_out(size)).size(); }),
                   theirs(kBytesOut, size));
  }
  report.compare("record_list", "Rust Vec<Row>, 1,000 there and back", 1.2,
                 timed([&](std::uint64_t) { sum += checked(g.rows(rows)).size(); }),
                 theirs(kRows, kRowCount));
  report.compare("instantiate", "Rust InstancePre, pooled", 1.2,
                 timed([&](std::uint64_t) { (void)instantiate(); }), theirs(kInstantiate, 0));
  if (sum == 0) std::exit(1);
}

}  // namespace berth::bench
