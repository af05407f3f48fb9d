// Executor: where work is continued, without naming an event loop.
#pragma once

#include <functional>

namespace berth {

// Runs posted functions later, on threads of its own, never inside post.
// Thread-safe.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual void post(std::move_only_function<void()> work) = 0;
};

}  // namespace berth
