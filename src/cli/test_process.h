// For tests: runs the built berth program, and folders that clean up after themselves.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace berth::cli {

// A new folder, removed at the end. One thread at a time.
class TempFolder final {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct Output {
  int code = -1;  // 128 + N when signal N ended it
  std::string out;
  std::string err;
};

// A berth program that runs. Its output goes to files, so that it never waits for a reader.
// One thread at a time.
class Process final {
 public:
  explicit Process(std::vector<std::string> args, const std::string& input = "");
  // Kills it when it still runs.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void signal(int number) const;
  // Waits for the end; kills it at the timeout and then gives code 128 + SIGKILL.
  [[nodiscard]] Output wait(std::chrono::milliseconds timeout = std::chrono::seconds(60));
  // What it wrote so far.
  [[nodiscard]] std::string out() const;
  [[nodiscard]] std::string err() const;
  // Waits until err() contains `text`. False at the timeout or when it ended without.
  [[nodiscard]] bool wait_for(const std::string& text,
                              std::chrono::milliseconds timeout = std::chrono::seconds(60));
  [[nodiscard]] bool ended();

 private:
  TempFolder folder_;
  pid_t pid_ = -1;
  int status_ = 0;
};

// A whole file; empty when there is none.
[[nodiscard]] std::string read(const std::filesystem::path& file);

[[nodiscard]] Output berth(std::vector<std::string> args, const std::string& input = "");

}  // namespace berth::cli
