// Load: connections that keep a state API busy and know what every answer must be.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tools/load/connection.h"

namespace berth::bench {

// Opens its connections; a wrong answer, or none, ends the benchmark.
// One thread at a time.
class Load final {
 public:
  Load(load::Plan plan, std::size_t connections);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // Sends so many requests and waits for the answers.
  void run(std::uint64_t requests);

 private:
  const load::Plan plan_;
  load::Counts counts_;
  std::vector<std::unique_ptr<load::Connection>> connections_;
  int poll_ = -1;
};

}  // namespace berth::bench
