// A linker with all of WASI, and hooks that write down what they were asked.
#pragma once

#include <arpa/inet.h>

#include <string>
#include <string_view>
#include <vector>

#include "support.h"

namespace berth_test {

// What the hooks were asked, and what they answer.
struct World {
  bool allow_connect = false;
  bool allow_resolve = false;
  bool allow_http = false;
  std::string out, err;
  std::vector<std::string> asked;

  berth_wasi_config_t config() {
    berth_wasi_config_t config{};
    config.hooks.connect = [](void* self, berth_socket_use_t use, const berth_sockaddr_t* addr) {
      auto* world = static_cast<World*>(self);
      char text[64] = {};
      inet_ntop(addr->family == 4 ? AF_INET : AF_INET6, addr->addr, text, sizeof text);
      world->asked.push_back("connect " + std::to_string(use) + " " + text + " " +
                             std::to_string(addr->port));
      return world->allow_connect;
    };
    config.hooks.resolve = [](void* self, berth_str_t name) {
      static_cast<World*>(self)->asked.push_back("resolve " + text(name));
      return static_cast<World*>(self)->allow_resolve;
    };
    config.hooks.http = [](void* self, berth_str_t method, berth_str_t scheme, berth_str_t authority,
                           berth_str_t path) {
      static_cast<World*>(self)->asked.push_back("http " + text(method) + " " + text(scheme) + "://" +
                                                 text(authority) + text(path));
      return static_cast<World*>(self)->allow_http;
    };
    config.hooks.output = [](void* self, int stream, const uint8_t* data, size_t len) {
      auto* world = static_cast<World*>(self);
      (stream == 1 ? world->out : world->err).append(reinterpret_cast<const char*>(data), len);
    };
    config.hooks.file_denied = [](void* self, const berth_file_denial_t* denial) {
      static_cast<World*>(self)->asked.push_back(
          (denial->why == BERTH_FILE_READ_ONLY ? "read-only " : "outside ") + text(denial->operation) + " " +
          text(denial->directory) + " " + text(denial->path));
    };
    return config;
  }
};

class WasiTest : public ::testing::Test {
 protected:
  WasiTest() {
    for (std::string_view group : {"cli", "clocks", "random", "filesystem", "sockets", "http"}) {
      EXPECT_OK(berth_linker_wasi(linker_.get(), group.data(), group.size()));
    }
  }

  // Instantiates on a fibre.
  Instance start(const Pre& pre, const berth_wasi_config_t& wasi) {
    berth_instance_config_t config{};
    config.user = &world_;
    config.wasi = &wasi;
    berth_instance_t* instance = nullptr;
    berth_task_t* task = nullptr;
    EXPECT_OK(berth_instance_start(pre.get(), &config, 0, &instance, Waker::wake, &waker_, &task));
    auto outcome = drive(task, waker_);
    EXPECT_EQ(outcome.code, 0) << outcome.message;
    berth_task_free(task);
    return Instance(instance);
  }

  Outcome invoke(const Instance& instance, std::string_view call, std::string* result = nullptr) {
    berth_bytes_t out{};
    berth_task_t* task = nullptr;
    auto refused = take(berth_invoke_start(instance.get(), str(call), 0, &out, Waker::wake, &waker_, &task));
    if (refused.code != 0) return refused;
    auto outcome = drive(task, waker_);
    berth_task_free(task);
    if (outcome.code == 0 && result != nullptr) {
      result->assign(reinterpret_cast<char*>(out.data), out.len);
    }
    berth_bytes_free(out);
    return outcome;
  }

  Engine engine_ = make_engine();
  Linker linker_ = make_linker(engine_);
  World world_;
  Waker waker_;
};

}  // namespace berth_test
