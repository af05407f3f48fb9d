// Whether work on hostile text stays linear, told by the processor time of one size against that of another,
// so that neither a slow machine nor a busy one decides.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <ctime>
#include <functional>
#include <string>
#include <string_view>

namespace berth {

// Processor time of this thread, in seconds.
inline double processor_time() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// `work` is done on 512 KiB of `text` over and over, and on 4 MiB of it. A loop within a loop takes 64 times
// as long; less than 32 pass, which leaves room for caches and page faults.
inline testing::AssertionResult is_linear(std::string_view text,
                                          const std::function<void(const std::string&)>& work) {
  const auto time_of = [&](std::size_t bytes) {
    std::string content;
    while (content.size() < bytes) content += text;
    const double begin = processor_time();
    work(content);
    return processor_time() - begin;
  };
  double one = 0;
  double eight = 0;
  for (int tries = 0; tries < 3; ++tries) {
    one = time_of(512 << 10);
    eight = time_of(4 << 20);
    if (eight < 32 * one) return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << "512 KiB take " << one << " s, eight times as many " << eight << " s";
}

}  // namespace berth
