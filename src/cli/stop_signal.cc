// StopSignal: a thread that waits for the signals.
#include "cli/stop_signal.h"

#include <pthread.h>

#include <chrono>
#include <ctime>
#include <utility>

namespace berth::cli {
namespace {

// How often the thread looks whether it shall end; a signal wakes it at once.
constexpr timespec kLook{0, 50'000'000};

}  // namespace

StopSignal::StopSignal(std::function<void(int)> on_signal) {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  waiting_ = std::jthread([this, on_signal = std::move(on_signal)](const std::stop_token& stop) {
    for (int count = 0; !stop.stop_requested();) {
      if (sigtimedwait(&signals_, nullptr, &kLook) > 0) on_signal(++count);
    }
  });
}

StopSignal::~StopSignal() {
  waiting_.request_stop();
  waiting_.join();
}

}  // namespace berth::cli
