// Tests of the whole native path: HTTP, the host's calls and swaps, a native store. Also runs under TSan.
#include "applications/statestore/native/workload_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "applications/statestore/native/native_guest.h"
#include "applications/statestore/native/state_servers.h"
#include "host/host.h"
#include "net/raw_client.h"

namespace berth::statestore {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class WorkloadStoreTest : public testing::Test {
 protected:
  WorkloadStoreTest() {
    host::WorkloadSpec spec{.name = "store", .instances = host::InstancePolicy::one(), .drain = 5s};
    workload_ = host_.start(spec, native_store_version("sha256:0")).value();
    store_ = std::make_shared<WorkloadStore>(host::Typed<Store>::of(workload_).value());
    EXPECT_TRUE(servers_.add(trigger("store"), store_));
    EXPECT_TRUE(servers_.start());
    const auto address = servers_.addresses().at(0);
    port_ = static_cast<std::uint16_t>(std::stoi(address.substr(address.find(':', 7) + 1)));
  }
  ~WorkloadStoreTest() override { servers_.stop(5s); }

  static StateTrigger trigger(std::string name) {
    return {.store = std::move(name), .listen = {"127.0.0.1", 0}, .app_id = "app", .max_body_bytes = 1 << 20};
  }
  static std::string post(std::string_view body) {
    return "POST /v1.0/state/store HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + std::string(body);
  }
  static std::string get(std::string_view key) {
    return "GET /v1.0/state/store/" + std::string(key) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  }

  telemetry::Metrics metrics_;
  std::unique_ptr<net::IoContext> io_ = net::IoContext::create(3).value();
  host::Host host_{*io_, metrics_};
  std::shared_ptr<host::Workload> workload_;
  std::shared_ptr<Store> store_;
  StateServers servers_{*io_};
  std::uint16_t port_ = 0;
};

TEST_F(WorkloadStoreTest, SwapsUnderLoadLoseNothingAndKeepTheOrder) {
  constexpr int kClients = 4;
  constexpr int kWrites = 400;
  std::atomic<int> wrong{0};
  std::vector<std::jthread> clients;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&, c] {
      net::RawClient client(port_);
      const std::string key = "key" + std::to_string(c);
      for (int i = 0; i < kWrites; ++i) {
        // Pipelined: the read must see the write before it.
        client.send(post(R"([{"key":")" + key + R"(","value":)" + std::to_string(i) + "}]") + get(key));
        const bool set = client.response().starts_with("HTTP/1.1 204");
        const bool got = client.response().ends_with("\r\n\r\n" + std::to_string(i));
        wrong += !set + !got;
      }
    });
  }
  std::atomic<bool> done{false};
  std::jthread swapper([&] {
    for (int v = 1; !done; ++v) {
      EXPECT_TRUE(workload_->swap(native_store_version("sha256:" + std::to_string(v))));
      std::this_thread::sleep_for(2ms);
    }
  });
  clients.clear();
  done = true;
  swapper.join();
  EXPECT_EQ(wrong, 0);
  const auto status = workload_->status();
  EXPECT_GT(status.swaps_ok, 2U);
  EXPECT_EQ(status.swaps_failed, 0U);
}

TEST_F(WorkloadStoreTest, AStoppedWorkloadAnswers503) {
  ASSERT_TRUE(host_.stop("store"));
  net::RawClient client(port_);
  client.send(get("a"));
  const auto response = client.response();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(response, HasSubstr("ERR_STATE_GET"));
}

TEST_F(WorkloadStoreTest, StoresOfOneAddressShareAServer) {
  StateServers servers(*io_);
  auto first = trigger("a");
  auto second = trigger("b");
  first.listen.port = second.listen.port = port_;  // taken by the fixture's server
  EXPECT_TRUE(servers.add(first, store_));
  EXPECT_TRUE(servers.add(second, store_));
  const auto twice = servers.add(first, store_);
  ASSERT_FALSE(twice);
  EXPECT_THAT(twice.error().message(), HasSubstr("two state stores are called \"a\""));
  EXPECT_EQ(servers.addresses().size(), 2U);
  EXPECT_EQ(servers.start().error().code(), Code::kAlreadyExists);
}

}  // namespace
}  // namespace berth::statestore
