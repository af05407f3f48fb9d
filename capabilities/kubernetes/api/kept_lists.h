// KeptLists: the lists of one cluster that a further reader may share.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "capabilities/kubernetes/api/shared_list.h"

namespace berth::kubernetes {

// Thread-safe.
class KeptLists final {
 public:
  using Clock = std::chrono::steady_clock;

  // One that began at most `max_age` ago and has not failed, or a new one.
  [[nodiscard]] Result<std::shared_ptr<SharedList>> get(Client& client, Running& running, ListQuery query,
                                                        std::chrono::milliseconds max_age);
  // Forgets those that nobody may begin to read any more. Who reads one keeps it.
  void purge();

 private:
  struct Kept {
    std::shared_ptr<SharedList> list;
    Clock::time_point begun;
    Clock::time_point until;  // the longest that somebody wanted it for
  };
  void drop_oldest();

  std::mutex mutex_;
  std::map<std::string, Kept> lists_;  // guarded by mutex_
};

}  // namespace berth::kubernetes
