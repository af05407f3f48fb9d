// KubeGuest: a guest that asks the API what a test tells it, and what it got.
#pragma once

#include <bindings/kube_relay_bindings.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "abi/instance.h"
#include "base/task.h"
#include "capabilities/kubernetes/test_kubernetes.h"
#include "tests/capabilities/world.h"

namespace berth::kubernetes {

namespace relay = wit::relayed::test::relay;
using Asked = relay::kube::Request;
using Outcome = relay::kube::Outcome;

inline std::string text_of(const std::vector<std::uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }
inline std::vector<std::uint8_t> bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

// {"", "v1", "pods"} and so on, in a namespace or none.
inline Asked ask(std::string verb, std::string_view resource, std::optional<std::string> ns = std::nullopt,
                 std::string name = "") {
  Asked out{.verb = std::move(verb),
            .version = "v1",
            .namespace_ = std::move(ns),
            .name = std::move(name),
            .limit = 500};
  const std::size_t dot = std::min(resource.find('.'), resource.size());
  out.plural = resource.substr(0, dot);
  if (dot < resource.size()) out.group = resource.substr(dot + 1);
  return out;
}

// One instance. One call at a time.
class KubeGuest {
  template <class F>
  auto run(F begin) {
    world_.guest().set_deadline(std::chrono::seconds(120));
    std::promise<typename decltype(begin(*guest_))::value_type> done;
    detach(begin(*guest_), [&](auto value) { done.set_value(std::move(value)); });
    auto said = done.get_future().get();
    if (!said) throw std::runtime_error(said.error().to_string());
    if constexpr (!std::is_void_v<typename decltype(said)::value_type>) return std::move(*said);
  }

 public:
  // `grant`: the section but for its braces and the kubeconfig.
  explicit KubeGuest(const std::string& grant,
                     const std::string& kubeconfig = TestKubernetes::shared().kubeconfig()) {
    const auto started =
        world_.start("kube_relay", {{"kubernetes", "{ kubeconfig: " + kubeconfig + ", " + grant + " }"}});
    if (!started) throw std::runtime_error(started.error().to_string());
    auto guest = relay::KubeExport::create(*static_cast<abi::Instance*>(world_.guest().exports()));
    EXPECT_TRUE(guest) << guest.error().to_string();
    guest_.emplace(*guest);
  }

  Outcome call(Asked asked) {
    return run([&](auto& g) { return g.call_async(std::move(asked)); });
  }
  std::uint32_t open(Asked asked) {
    return run([&](auto& g) { return g.open_async(std::move(asked)); });
  }
  std::tuple<Outcome, std::vector<std::string>> next(std::uint32_t number, std::uint32_t wait_ms = 0) {
    return run([&](auto& g) { return g.next_async(number, wait_ms); });
  }
  std::tuple<Outcome, std::uint32_t, std::uint64_t> count(std::uint32_t number) {
    return run([&](auto& g) { return g.count_async(number); });
  }
  // Everything that a listing gives.
  std::vector<std::string> all(Asked asked) {
    const std::uint32_t number = open(std::move(asked));
    std::vector<std::string> out;
    for (;;) {
      auto [outcome, lines] = next(number);
      EXPECT_EQ(outcome.kind, "ok") << outcome.message;
      if (lines.empty()) return out;
      out.insert(out.end(), lines.begin(), lines.end());
    }
  }
  void drop_all() {
    run([](auto& g) { return g.drop_all_async(); });
  }
  // How often the text is in the guest's memory.
  std::uint32_t search(std::string_view text) {
    std::vector<std::uint8_t> masked = bytes_of(text);
    for (std::uint8_t& byte : masked) byte ^= 0x5aU;
    return run([&](auto& g) { return g.search_async(std::move(masked)); });
  }
  capability_guests::World& world() { return world_; }

 private:
  capability_guests::World world_;
  std::optional<relay::KubeExport> guest_;
};

inline TestKubernetes& api() { return TestKubernetes::shared(); }

}  // namespace berth::kubernetes
