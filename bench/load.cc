// Load: one loop over all connections.
#include "bench/load.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace berth::bench {
namespace {

[[noreturn]] void give_up(const char* why) {
  std::fprintf(stderr, "bench: state API: %s\n", why);
  std::exit(1);
}

}  // namespace

Load::Load(load::Plan plan, std::size_t connections)
    : plan_(std::move(plan)), poll_(::epoll_create1(EPOLL_CLOEXEC)) {
  for (std::size_t i = 0; i < connections; ++i) {
    auto& connection = connections_.emplace_back(std::make_unique<load::Connection>(plan_, i, counts_));
    if (!connection->open()) give_up(counts_.first_error.c_str());
    epoll_event event{.events = EPOLLIN, .data = {.ptr = connection.get()}};
    ::epoll_ctl(poll_, EPOLL_CTL_ADD, connection->descriptor(), &event);
  }
}

Load::~Load() { ::close(poll_); }

void Load::run(std::uint64_t requests) {
  const std::uint64_t until = counts_.calls + requests;
  std::size_t under_way = connections_.size();
  for (auto& connection : connections_) connection->begin();
  epoll_event events[64];
  while (under_way > 0) {
    const int n = ::epoll_wait(poll_, events, std::size(events), 5'000);
    if (n <= 0) give_up("does not answer");
    for (int i = 0; i < n; ++i) {
      auto* connection = static_cast<load::Connection*>(events[i].data.ptr);
      if (!connection->receive()) continue;
      if (counts_.calls < until) {
        connection->begin();
      } else {
        --under_way;
      }
    }
  }
  if (counts_.failed + counts_.lost + counts_.out_of_order != 0) give_up(counts_.first_error.c_str());
}

}  // namespace berth::bench
