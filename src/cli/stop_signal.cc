// StopSignal: a thread that waits for the signals.
#include "cli/stop_signal.h"

#include <pthread.h>

#include <utility>

namespace berth::cli {

StopSignal::StopSignal(std::function<void(int)> on_signal) {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  waiting_ = std::jthread([this, on_signal = std::move(on_signal)](const std::stop_token& stop) {
    for (int count = 0;;) {
      const int signal = sigwaitinfo(&signals_, nullptr);
      if (stop.stop_requested()) return;
      if (signal > 0) on_signal(++count);
    }
  });
}

StopSignal::~StopSignal() {
  waiting_.request_stop();
  pthread_kill(waiting_.native_handle(), SIGTERM);  // to that thread alone, which wakes and ends
  waiting_.join();
}

}  // namespace berth::cli
