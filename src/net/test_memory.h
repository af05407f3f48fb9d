// How much memory a test took, at its worst moment.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>

namespace berth::net {

// The process's peak of resident memory since this object was made. One at a time.
class PeakMemory {
 public:
  PeakMemory() {
    std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
    before_ = peak();
  }
  [[nodiscard]] std::uint64_t grown() const { return peak() - std::min(peak(), before_); }

  // What is allowed where nothing of size is to be kept; the address sanitizer keeps freed memory for a
  // while.
#if defined(__has_feature) && __has_feature(address_sanitizer)
  static constexpr std::uint64_t kLittle = std::uint64_t{256} << 20;
#else
  static constexpr std::uint64_t kLittle = std::uint64_t{16} << 20;
#endif

 private:
  static std::uint64_t peak() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) * 1024;
    }
    ADD_FAILURE() << "/proc/self/status has no VmHWM";
    return 0;
  }
  std::uint64_t before_;
};

}  // namespace berth::net
