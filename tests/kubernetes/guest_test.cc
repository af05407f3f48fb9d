// What a guest gets of a real API: objects, lists, statuses; and what it does not get.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "kube_guest.h"

namespace berth::kubernetes {
namespace {

using nlohmann::json;

TestKubernetes& api() { return TestKubernetes::shared(); }

const std::string kAll =
    "verbs: [get, list, watch, create, update, patch, delete], resources: [pods, configmaps, secrets, "
    "namespaces], "
    "namespaces: [\"*\"]";

void make_maps(const std::string& ns, int count, std::size_t bytes) {
  api().make("/api/v1/namespaces", {{"metadata", {{"name", ns}}}});
  for (int i = 0; i < count; ++i)
    api().make(
        "/api/v1/namespaces/" + ns + "/configmaps",
        {{"metadata", {{"name", "map-" + std::to_string(i)}}}, {"data", {{"x", std::string(bytes, 'x')}}}});
}

TEST(KubernetesGuest, GetsObjectsAsTheyAre) {
  KubeGuest guest(kAll);
  const Outcome got = guest.call(ask("get", "namespaces", std::nullopt, "default"));
  EXPECT_EQ(got.kind, "ok") << got.message;
  EXPECT_EQ(text_of(got.body), api().request("GET", "/api/v1/namespaces/default").body);
  const Outcome none = guest.call(ask("get", "configmaps", "default", "none"));
  EXPECT_EQ(none.kind, "status");
  EXPECT_EQ(none.code, 404);
  EXPECT_EQ(none.reason, "NotFound");
  EXPECT_EQ(text_of(none.body), api().request("GET", "/api/v1/namespaces/default/configmaps/none").body);
}

TEST(KubernetesGuest, ListsHoldEveryObjectOnceWithItsKind) {
  make_maps("listed", 30, 100);
  KubeGuest guest(kAll);
  const auto items = guest.all(ask("list", "configmaps", "listed"));
  ASSERT_EQ(items.size(), 30U);
  for (const std::string& item : items) {
    const std::size_t at = item.find('{');
    const json object = json::parse(item.substr(at));
    EXPECT_EQ(object["kind"], "ConfigMap");
    EXPECT_EQ(object["apiVersion"], "v1");
    EXPECT_EQ(item.substr(0, at), "item listed/" + object["metadata"]["name"].get<std::string>() + " ");
    EXPECT_EQ(object, api()
                          .request("GET", "/api/v1/namespaces/listed/configmaps/" +
                                              object["metadata"]["name"].get<std::string>())
                          .json());
  }
}

}  // namespace
}  // namespace berth::kubernetes
