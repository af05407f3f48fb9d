// LineLog: bounded lines, bounded rate.
#include "capabilities/cli/line_log.h"

#include <utility>

namespace berth::cli_streams {

void LineLog::write(int stream, std::string_view line) {
  std::uint64_t dropped = 0;
  {
    std::lock_guard lock(mutex_);
    if (!bucket_.take(grants::TokenBucket::Clock::now())) {
      ++dropped_;
      return;
    }
    dropped = std::exchange(dropped_, 0);
  }
  if (dropped > 0)
    log_.warn("lines of the guest were dropped: it writes too many",
              {{"workload", workload_}, {"dropped", dropped}});
  log_.info(line,
            {{"workload", workload_}, {"from", "guest"}, {"stream", stream == 2 ? "stderr" : "stdout"}});
}

LineBuffer::~LineBuffer() {
  for (int i = 0; i < 2; ++i)
    if (!pending_[i].empty()) log_->write(i + 1, pending_[i]);
}

void LineBuffer::write(int stream, std::string_view data) {
  std::lock_guard lock(mutex_);
  std::string& pending = pending_[stream == 2 ? 1 : 0];
  while (!data.empty()) {
    const std::size_t room = kMaxLineBytes - pending.size();
    const std::string_view window = data.substr(0, room + 1);
    const std::size_t newline = window.find('\n');
    if (newline == std::string_view::npos && window.size() <= room) {
      pending += window;
      return;
    }
    const bool whole = newline != std::string_view::npos;
    const std::size_t taken = whole ? newline : room;
    pending += data.substr(0, taken);
    data.remove_prefix(whole ? taken + 1 : taken);
    if (pending.ends_with('\r')) pending.pop_back();
    log_->write(stream, pending);
    pending.clear();
  }
}

}  // namespace berth::cli_streams
