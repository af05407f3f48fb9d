// Timer: runs short functions at a time, or now but elsewhere, on one thread of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace berth::host {

// One for each Host: drain deadlines, and taking down versions off the path of any call.
// Thread-safe.
class Timer final {
 public:
  using Work = std::move_only_function<void()>;
  using Clock = std::chrono::steady_clock;

  Timer();
  ~Timer() { stop(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Functions of equal time run in the order in which they were given.
  void at(Clock::time_point when, Work work);
  void soon(Work work) { at(Clock::time_point::min(), std::move(work)); }
  // Joins the thread and drops what is still waiting, and whatever is given later. Not on the thread itself.
  void stop();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<Clock::time_point, Work> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace berth::host
