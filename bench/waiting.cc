// Waiting: what 10,000 guests that wait in a host call cost in memory and threads.
#include <atomic>
#include <coroutine>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include <bindings/waiting_bindings.h>

#include "abi/component.h"
#include "abi/engine.h"
#include "abi/instance.h"
#include "abi/linker.h"
#include "bench/suite.h"
#include "net/io_context.h"

namespace berth::bench {
namespace {

namespace wit_waiting = wit::waiting::berth::bench;
constexpr std::size_t kGuests = 10'000;

// Suspends every caller until release().
class Pauses final : public wit_waiting::SlowHost {
 public:
  Task<Result<void>> pause() override {
    co_await Parked{*this};
    co_return {};
  }
  std::size_t waiting() {
    std::lock_guard lock(mutex_);
    return parked_.size();
  }
  void release() {
    std::vector<std::coroutine_handle<>> parked;
    {
      std::lock_guard lock(mutex_);
      parked.swap(parked_);
    }
    for (auto handle : parked) handle.resume();
  }

 private:
  struct Parked {
    Pauses& pauses;
    [[nodiscard]] bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> handle) {
      std::lock_guard lock(pauses.mutex_);
      pauses.parked_.push_back(handle);
    }
    void await_resume() const {}
  };
  std::mutex mutex_;
  std::vector<std::coroutine_handle<>> parked_;
};

std::uint64_t resident_kib() {
  std::ifstream in("/proc/self/statm");
  std::uint64_t total = 0, resident = 0;
  in >> total >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) / 1024;
}

std::size_t thread_count() {
  std::size_t n = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) ++n;
  return n;
}

Task<Result<void>> wait_once(std::shared_ptr<const abi::Pre> pre, Pauses& pauses, Executor& executor) {
  auto state = abi::InstanceState::create();
  state->provide<wit_waiting::SlowHost>(pauses);
  auto instance = BERTH_CO_TRY(co_await abi::Instance::create_async(pre, state, {.executor = &executor}));
  auto g = BERTH_CO_TRY(wit_waiting::SlowGuestExport::create(*instance));
  co_return co_await g.wait_async();
}

}  // namespace

void waiting(Report& report) {
  std::vector<std::uint8_t> bytes = guest("waiting");
  auto io = need(net::IoContext::create(2), "threads");
  auto engine = need(abi::Engine::create({.max_instances = kGuests + 100}), "engine");
  auto component = need(abi::Component::compile(engine, bytes), "compile");
  auto linker = need(abi::Linker::create(engine), "linker");
  need(wit_waiting::SlowHost::add_to_linker(linker), "link");
  auto pre = need(linker.link(component), "link");

  Pauses pauses;
  std::atomic<std::size_t> done = 0, failed = 0;
  auto start = [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      detach(wait_once(pre, pauses, *io), [&](Result<void> result) {
        if (!result) {
          if (failed.fetch_add(1) == 0)
            std::fprintf(stderr, "waiting: %s\n", result.error().to_string().c_str());
        }
        done.fetch_add(1);
      });
    }
  };
  auto settle = [&](auto condition) {
    for (int i = 0; i < 20'000 && !condition(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };

  // One guest there and back first: what is paid once is not each instance's.
  start(1);
  settle([&] { return pauses.waiting() == 1 || done == 1; });
  pauses.release();
  settle([&] { return done == 1; });

  std::uint64_t before = resident_kib();
  start(kGuests);
  settle([&] { return pauses.waiting() + failed == kGuests; });
  std::uint64_t after = resident_kib();
  std::size_t threads = thread_count();
  std::size_t held = pauses.waiting();
  pauses.release();
  settle([&] { return done == kGuests + 1; });

  double each = static_cast<double>(after - before) / static_cast<double>(kGuests);
  bool ok = held == kGuests && failed == 0 && done == kGuests + 1 && each <= 16 &&
            threads <= std::thread::hardware_concurrency() + 8;
  report.add({"waiting_10k", each, "KiB", fmt::format("{} threads, {} waiting", threads, held), 0, 0,
              "<= 16, threads <= cores + 8", ok});
}

}  // namespace berth::bench
