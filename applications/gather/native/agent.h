// Agent: gathers in periods, keeps archives, uploads them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "applications/gather/native/agent_metrics.h"
#include "applications/gather/native/archives.h"
#include "applications/gather/native/cluster.h"
#include "applications/gather/native/gathering.h"
#include "applications/gather/native/run.h"
#include "applications/gather/native/settings.h"
#include "applications/gather/native/state_file.h"
#include "base/error.h"
#include "base/file_system.h"
#include "net/io_context.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace berth::gather {

// What an agent may use of the process. References outlive it.
struct AgentServices {
  net::IoContext& io;
  telemetry::Logger& log;
  telemetry::Metrics& metrics;
  std::shared_ptr<Cluster> cluster;  // may be null: nobody to ask
};

// What somebody who asks is told. Plain value.
struct AgentStatus {
  struct Last {
    Time began;
    std::string archive;
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
    std::size_t gatherers = 0;
    std::vector<std::string> failed;  // names
    std::chrono::milliseconds duration{0};
  };
  bool gathering = false;
  std::optional<Last> last;
  std::string error;  // of the last period; empty when it has an archive
  std::optional<Time> next;
  std::string rules;          // their version; empty: none
  std::string rules_problem;  // why those that are built in hold
  std::size_t archives = 0;
  std::uint64_t archive_bytes = 0;
  struct Uploads {
    std::uint64_t sent = 0;
    std::uint64_t failed = 0;
    std::uint32_t failed_in_a_row = 0;
    bool degraded = false;
    std::string error;
    std::optional<Time> last;  // that was taken
    std::optional<Time> next;  // after a failure
  };
  std::optional<Uploads> uploads;  // with an upload
};

// Two threads: one gathers, one uploads, so that neither waits for the other. Thread-safe.
class Agent final {
 public:
  // Begins. Blocks shortly: makes the folder, removes what a killed agent left.
  //  kFailedPrecondition: another agent has the folder. Otherwise the errors of the folder and of
  //  certificates.
  [[nodiscard]] static Result<std::unique_ptr<Agent>> start(Settings settings, std::vector<Source> sources,
                                                            AgentServices services);
  // stop(), and waits for gatherers that still run: they end when their workloads are stopped.
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  [[nodiscard]] AgentStatus status() const;
  // Begins nothing new, gives up what is under way without an archive, and waits up to `drain` for it to end.
  void stop(std::chrono::milliseconds drain);

 private:
  Agent(Settings settings, std::vector<Source> sources, AgentServices services, AgentMetrics metrics,
        File lock, std::unique_ptr<net::IoContext> workers);
  void run(const std::stop_token& stop);
  void gather(const std::stop_token& stop);
  // All of them; those whose time has not come run only what rules ask for.
  [[nodiscard]] std::vector<Source> due(Time now) const;
  void look_after_archives();
  void upload_all(const std::stop_token& stop);
  // How long to wait before the next attempt; nothing: there is nothing to send.
  [[nodiscard]] std::optional<std::chrono::milliseconds> upload_one(const std::stop_token& stop);
  [[nodiscard]] std::chrono::milliseconds up_to(std::chrono::milliseconds most);

  const Settings settings_;
  const std::vector<Source> sources_;
  const AgentServices services_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  AgentMetrics metrics_;
  const File lock_;  // of the folder
  const std::unique_ptr<net::IoContext> workers_;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  AgentState state_;  // what follows is guarded by mutex_
  AgentStatus status_;
  bool new_archive_ = true;
  int running_ = 2;  // threads
  std::mt19937_64 random_{std::random_device{}()};
  std::set<std::filesystem::path> hopeless_;  // archives that the receiver will never take; one thread's

  std::jthread uploading_;
  std::jthread gathering_;
};

}  // namespace berth::gather
