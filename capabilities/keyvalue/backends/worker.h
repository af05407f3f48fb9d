// Worker: one thread that serves the calls of a bucket, several at a time where they wait together.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "capabilities/keyvalue/limits.h"

namespace berth::keyvalue {

// `Job` has `Result<void> outcome`, `std::size_t bytes` and lives in the coroutine that awaits it.
// Thread-safe.
template <class Job>
class Worker final {
 public:
  // Called with 1 to kMaxServedTogether jobs, first come first; sets the outcome of each and finishes it.
  class Batch;
  using Serve = std::move_only_function<void(Batch&)>;

  explicit Worker(Serve serve)
      : serve_(std::move(serve)), thread_([this](const std::stop_token& s) { run(s); }) {}
  // Blocks for the jobs that are being served; those that wait are refused with kUnavailable.
  ~Worker() {
    thread_.request_stop();
    thread_.join();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // co_await: until `job` is served; its outcome. kBusy at once when too much waits.
  [[nodiscard]] auto serve(Job& job) {
    struct Awaiter {
      Worker& worker;
      Job& job;
      [[nodiscard]] bool await_ready() const { return false; }
      bool await_suspend(std::coroutine_handle<> caller) { return worker.push(job, caller); }
      Result<void> await_resume() { return std::move(job.outcome); }
    };
    return Awaiter{*this, job};
  }

 private:
  struct Waiting {
    Job* job;
    std::coroutine_handle<> caller;
  };

  [[nodiscard]] bool push(Job& job, std::coroutine_handle<> caller) {
    {
      std::lock_guard lock(mutex_);
      if (waiting_.size() >= kMaxWaiting || waiting_bytes_ + job.bytes > kMaxWaitingBytes) {
        job.outcome = fail(Code::kBusy, "too many calls wait for this bucket; try again later");
        return false;
      }
      waiting_.push_back({&job, caller});
      waiting_bytes_ += job.bytes;
    }
    ready_.notify_one();
    return true;
  }

  void run(const std::stop_token& stop) {
    // Signals are the program's, and a connection that ended is an error, not a SIGPIPE.
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    for (;;) {
      Batch batch;
      {
        std::unique_lock lock(mutex_);
        if (!ready_.wait(lock, stop, [&] { return !waiting_.empty(); })) return;
        while (!waiting_.empty() && batch.jobs_.size() < kMaxServedTogether) {
          batch.jobs_.push_back(waiting_.front());
          waiting_bytes_ -= waiting_.front().job->bytes;
          waiting_.pop_front();
        }
      }
      if (stop.stop_requested())
        batch.finish([](Job& job) {
          job.outcome = fail(Code::kUnavailable, "the bucket is being closed");
          return true;
        });
      else
        serve_(batch);
    }
  }

  Serve serve_;
  std::mutex mutex_;
  std::condition_variable_any ready_;
  std::deque<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::jthread thread_;  // last: it uses the others
};

// One thread at a time.
template <class Job>
class Worker<Job>::Batch {
 public:
  // Those not finished yet.
  [[nodiscard]] std::vector<Job*> jobs() const {
    std::vector<Job*> out;
    for (const Waiting& one : jobs_) out.push_back(one.job);
    return out;
  }
  // Lets the callers of those go on for which `done` is true; a job is gone afterwards.
  void finish(const std::function<bool(Job&)>& done) {
    std::vector<Waiting> others;
    for (const Waiting& one : std::exchange(jobs_, {})) {
      if (done(*one.job))
        one.caller.resume();
      else
        others.push_back(one);
    }
    jobs_ = std::move(others);
  }

 private:
  friend class Worker;
  std::vector<Waiting> jobs_;
};

}  // namespace berth::keyvalue
