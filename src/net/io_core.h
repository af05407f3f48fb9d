// Asio behind IoContext. Internal to the net room.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <mutex>
#include <thread>
#include <vector>

namespace berth::net::detail {

struct IoCore {
  // One thread lets Asio leave out its locks' slow paths; posting from elsewhere stays allowed.
  explicit IoCore(int threads_wanted)
      : thread_count(threads_wanted), context(threads_wanted), work(context.get_executor()) {}

  const int thread_count;

  boost::asio::io_context context;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work;
  std::mutex stop_mutex;  // guards threads
  std::vector<std::jthread> threads;
};

}  // namespace berth::net::detail
