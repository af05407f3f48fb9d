// IoContext: thread ownership around Asio's io_context.
#include "net/io_context.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <system_error>

#include "net/io_core.h"
#include "net/limits.h"

namespace berth::net {

Result<std::unique_ptr<IoContext>> IoContext::create(int threads) {
  if (threads < 1 || threads > kMaxIoThreads) {
    return fail(Code::kInvalidArgument, "an I/O context needs 1 to " + std::to_string(kMaxIoThreads) +
                                            " threads, not " + std::to_string(threads));
  }
  std::unique_ptr<IoContext> io;
  try {
    io.reset(new IoContext(std::make_unique<detail::IoCore>(threads)));
    for (int i = 0; i < threads; ++i) {
      io->core_->threads.emplace_back([core = io->core_.get()]() noexcept { core->context.run(); });
    }
  } catch (const std::exception& e) {
    return fail(Code::kResourceExhausted, std::string("starting I/O threads: ") + e.what());
  }
  return io;
}

IoContext::IoContext(std::unique_ptr<detail::IoCore> core) : core_(std::move(core)) {}

IoContext::~IoContext() {
  stop();
  while (core_->visitors.load(std::memory_order_acquire) != 0) std::this_thread::yield();
}

void IoContext::post(std::move_only_function<void()> work) {
  boost::asio::post(core_->context, std::move(work));
}

void IoContext::post_after(std::chrono::nanoseconds delay, std::move_only_function<void()> work) {
  auto timer = std::make_unique<boost::asio::steady_timer>(core_->context, delay);
  auto& ref = *timer;
  ref.async_wait([timer = std::move(timer), work = std::move(work)](boost::system::error_code error) mutable {
    if (!error) work();
  });
}

void IoContext::stop() {
  std::lock_guard lock(core_->stop_mutex);
  core_->work.reset();
  core_->context.stop();
  core_->threads.clear();
}

int IoContext::threads() const { return core_->thread_count; }

bool IoContext::running_in_this_thread() const {
  return core_->context.get_executor().running_in_this_thread();
}

}  // namespace berth::net
