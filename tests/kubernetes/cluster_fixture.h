// What tests of a Cluster share: one over a kubeconfig, and calls that wait.
#pragma once

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/task.h"
#include "capabilities/kubernetes/api/cluster.h"
#include "capabilities/kubernetes/test_kubernetes.h"
#include "fault_proxy.h"
#include "telemetry/metrics.h"

namespace berth::kubernetes {

template <class T>
T wait(Task<T> task) {
  std::promise<T> done;
  detach(std::move(task), [&](T value) { done.set_value(std::move(value)); });
  return done.get_future().get();
}

inline std::string shown(const Failure& failure) {
  return failure.kind == Failure::Kind::kStatus
             ? std::to_string(failure.status.code) + " " + failure.status.message
             : failure.text;
}

inline const ResourceType kMaps{"", "v1", "configmaps"};

class ClusterTest : public testing::Test {
 protected:
  static TestKubernetes& api() { return TestKubernetes::shared(); }
  // Short enough for tests.
  static ClientLimits quick() {
    return {.request = std::chrono::seconds(3),
            .first_pause = std::chrono::milliseconds(10),
            .max_pause = std::chrono::milliseconds(1000),
            .watch = std::chrono::seconds(60),
            .watch_silence = std::chrono::seconds(2),
            .page_items = 10};
  }
  std::unique_ptr<Cluster> open(const std::string& kubeconfig, std::string_view context = "") {
    auto config = read_kubeconfig(kubeconfig, context);
    EXPECT_TRUE(config) << config.error().to_string();
    return open_cluster(std::move(*config), metrics_, quick()).value();
  }
  static Caller caller(std::chrono::milliseconds max_age = std::chrono::milliseconds(0)) {
    return {.hidden = Redactions({}).of("configmaps"), .max_age = max_age};
  }
  // Everything of a listing, or what it ended with.
  static Answer<std::vector<std::string>> names(Listing& listing) {
    std::vector<std::string> out;
    for (;;) {
      auto items = wait(listing.next());
      if (!items) return std::unexpected(std::move(items).error());
      if (items->empty()) return out;
      for (const Item& item : *items) out.push_back(item.name);
    }
  }
  // A namespace of its own, with config maps "map-0" … of about `bytes` each.
  static void make_maps(const std::string& ns, int count, std::size_t bytes) {
    api().make("/api/v1/namespaces", {{"metadata", {{"name", ns}}}});
    for (int i = 0; i < count; ++i) make_map(ns, "map-" + std::to_string(i), bytes);
  }
  static void make_map(const std::string& ns, const std::string& name, std::size_t bytes) {
    // Nobody needs it back.
    const auto reply = api().request(
        "POST", "/api/v1/namespaces/" + ns + "/configmaps", "",
        R"({"metadata":{"name":")" + name + R"("},"data":{"x":")" + std::string(bytes, 'x') + R"("}})",
        "application/json", "admin", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
    EXPECT_EQ(reply.status, 201) << reply.body;
  }
  telemetry::Metrics metrics_;
};

}  // namespace berth::kubernetes
