// Stage: a host with workloads of hostile guests.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "host/call.h"
#include "host/component/loader.h"
#include "host/host.h"
#include "telemetry/metrics.h"
#include "tests/hostile/attacks.h"
#include "tests/hostile/victim.h"

namespace berth::hostile {

// A thread that runs what is posted.
class Worker final : public Executor {
 public:
  ~Worker() override;
  void post(std::move_only_function<void()> work) override;

 private:
  void run();
  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::move_only_function<void()>> work_;
  std::thread thread_{[this] { run(); }};
};

// What callers use of every guest here.
// One thread at a time.
class HostileGuest final {
 public:
  explicit HostileGuest(abi::Instance& instance) : instance_(instance) {}
  // An export that takes nothing and answers a number.
  Result<std::uint32_t> call(std::string_view name);
  Result<void> attack(const Attack& attack) { return attack.run(instance_); }

 private:
  abi::Instance& instance_;
};

class StageTest : public testing::Test {
 protected:
  void SetUp() override;

  // A version of guests/GUEST.wat whose calls may take `call_limit`.
  Result<std::shared_ptr<const host::Version>> version(std::string_view guest,
                                                       std::chrono::milliseconds call_limit);
  // A workload of it, or nothing after a failure.
  std::shared_ptr<host::Workload> start(std::string name, std::string_view guest, host::InstancePolicy policy,
                                        std::chrono::milliseconds call_limit,
                                        std::chrono::milliseconds drain = std::chrono::seconds(1));
  // Its clock stands still: a test ticks it.
  [[nodiscard]] const abi::Engine& engine() const { return *engine_; }

  static Result<std::uint32_t> call(const std::shared_ptr<host::Workload>& workload, std::string_view name);
  static Result<void> attack(const std::shared_ptr<host::Workload>& workload, const Attack& attack);

 private:
  static host::WorkloadLimits limits(std::chrono::milliseconds call_limit);

  telemetry::Metrics metrics_;
  Worker worker_;
  std::shared_ptr<abi::Engine> engine_;
  std::optional<host::Loader> loader_;
  std::optional<host::Host> host_;
};

}  // namespace berth::hostile
