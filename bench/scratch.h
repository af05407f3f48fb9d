// Scratch: a folder for what a benchmark writes.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>

namespace berth::bench {

// New and empty, removed at the end. One thread at a time.
class Scratch final {
 public:
  explicit Scratch(const std::string& name)
      : path_(std::filesystem::temp_directory_path() /
              ("berth-bench-" + name + "-" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Scratch() {
    std::error_code left_over;
    std::filesystem::remove_all(path_, left_over);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace berth::bench
