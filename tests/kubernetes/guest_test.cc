// What a guest gets of a real API: objects, lists, statuses; and what it does not get.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kube_guest.h"

namespace berth::kubernetes {
namespace {

using nlohmann::json;

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

// Asked for with `grant`: "denied", or how the API or the host answered.
struct Wish {
  const char* grant;
  Asked asked;
  bool allowed;
};

Asked with(Asked asked, const char* subresource, std::string fields = "") {
  if (subresource != nullptr) asked.subresource = subresource;
  asked.fields = std::move(fields);
  return asked;
}

TEST(KubernetesGuest, RulesDecideAndTheLineThatIsOfferedAllows) {
  constexpr const char* kOne = "verbs: [get, list], resources: [configmaps], namespaces: [open]";
  constexpr const char* kEverywhere =
      "verbs: [get, list, watch], resources: [configmaps, nodes], namespaces: [\"*\"]";
  constexpr const char* kNamed =
      "verbs: [get, list, watch, patch, delete], resources: [configmaps], namespaces: [open], names: [mine]";
  constexpr const char* kTwo =
      "rules: [{ verbs: [get], resources: [configmaps], namespaces: [open] }, { verbs: [list], resources: "
      "[deployments.apps], "
      "namespaces: [\"*\"] }]";
  const Wish wishes[] = {
      {kOne, ask("get", "configmaps", "open", "a"), true},
      {kOne, ask("page", "configmaps", "open"), true},
      {kOne, ask("get", "configmaps", "default", "a"), false},
      {kOne, ask("page", "configmaps"), false},
      {kOne, ask("get", "configmaps", std::nullopt, "a"), false},
      {kOne, ask("get", "secrets", "open", "a"), false},
      {kOne, ask("get", "configmaps.example.org", "open", "a"), false},
      {kOne, ask("create", "configmaps", "open"), false},
      {kOne, ask("update", "configmaps", "open", "a"), false},
      {kOne, ask("patch", "configmaps", "open", "a"), false},
      {kOne, ask("delete", "configmaps", "open", "a"), false},
      {kOne, with(ask("get", "configmaps", "open", "a"), "status"), false},
      {kOne, ask("logs", "pods", "open", "a"), false},
      {kEverywhere, ask("page", "configmaps"), true},
      {kEverywhere, ask("page", "configmaps", "open"), true},
      {kEverywhere, ask("get", "nodes", std::nullopt, "a"), true},
      {kEverywhere, with(ask("get", "nodes", std::nullopt, "a"), "status"), false},
      {kNamed, ask("get", "configmaps", "open", "mine"), true},
      {kNamed, ask("get", "configmaps", "open", "other"), false},
      {kNamed, ask("page", "configmaps", "open"), false},
      {kNamed, with(ask("page", "configmaps", "open"), nullptr, "metadata.name=mine"), true},
      {kNamed, with(ask("page", "configmaps", "open"), nullptr, "metadata.name==mine"), true},
      {kNamed, with(ask("page", "configmaps", "open"), nullptr, "metadata.name=other"), false},
      {kNamed, with(ask("page", "configmaps", "open"), nullptr, "metadata.name!=mine"), false},
      {kNamed, with(ask("page", "configmaps", "open"), nullptr, "metadata.name=mine,metadata.namespace=open"),
       false},
      {kNamed, with(ask("page", "configmaps", "open"), nullptr, "metadata.namespace=open"), false},
      {kNamed, ask("delete", "configmaps", "open", "mine"), true},
      {kNamed, ask("delete", "configmaps", "open", "theirs"), false},
      {kTwo, ask("get", "configmaps", "open", "a"), true},
      {kTwo, ask("page", "deployments.apps"), true},
      {kTwo, ask("page", "configmaps", "open"), false},
      {kTwo, ask("get", "deployments.apps", "open", "a"), false},
  };
  for (const Wish& wish : wishes) {
    KubeGuest guest(wish.grant);
    Asked asked = wish.asked;
    asked.body = bytes_of("{}");
    const Outcome got = guest.call(asked);
    EXPECT_EQ(got.kind != "denied", wish.allowed)
        << wish.grant << ": " << asked.verb << " " << asked.plural << ": " << got.message;
    const bool sent = guest.world().process.metrics().expose().contains("berth_kubernetes_requests_total{");
    EXPECT_EQ(sent, wish.allowed) << "what is denied is not sent";
    if (wish.allowed) continue;
    const std::string kLine = "kubernetes: { ";
    const std::size_t at = got.message.find(kLine);
    ASSERT_NE(at, std::string::npos) << got.message;
    const std::string line = got.message.substr(at + kLine.size());
    EXPECT_TRUE(guest.world().process.logged(kLine + line));
    KubeGuest allowed(line.substr(0, line.rfind(" }")));
    EXPECT_NE(allowed.call(asked).kind, "denied") << line;
  }
}

TEST(KubernetesGuest, SomeThingsAreNeverGranted) {
  KubeGuest guest(
      "verbs: [get, create], resources: [pods, serviceaccounts, nodes, services], namespaces: [\"*\"]");
  const std::pair<const char*, const char*> forbidden[] = {
      {"serviceaccounts", "token"}, {"pods", "exec"},  {"pods", "attach"},
      {"pods", "portforward"},      {"pods", "proxy"}, {"nodes", "proxy"},
      {"services", "proxy"}};
  for (const auto& [resource, subresource] : forbidden)
    for (const char* verb : {"get", "create"}) {
      Asked asked = with(ask(verb, resource, "open", "x"), subresource);
      asked.body = bytes_of("{}");
      const Outcome got = guest.call(asked);
      EXPECT_EQ(got.kind, "denied");
      EXPECT_TRUE(got.message.contains("never granted")) << got.message;
    }
}

TEST(KubernetesGuest, TricksInNamesAreRefusedBeforeAnythingIsSent) {
  KubeGuest guest(kAll);
  const auto invalid = [&](const Asked& asked) {
    const Outcome got = guest.call(asked);
    EXPECT_EQ(got.kind, "invalid") << asked.verb << " " << asked.name << ": " << got.message;
  };
  for (const char* name : {"..", ".", "../../../secrets/x", "a/../b", "a%2f..%2fb", "a?watch=1", "a#b",
                           "a\\b", "a b", "a\r\nHost: x", ""})
    for (const char* verb : {"get", "update", "patch", "delete"}) {
      Asked asked = ask(verb, "configmaps", "open", name);
      asked.body = bytes_of("{}");
      invalid(asked);
    }
  for (const char* bad : {"..", "a/b", "Secrets", "secrets/x", "%73ecrets", "secrets?x", ""}) {
    invalid(ask("get", bad, "open", "x"));
    invalid(ask("get", "configmaps", bad, "x"));
    invalid(with(ask("get", "configmaps", "open", "x"), bad));
    Asked group = ask("get", "configmaps", "open", "x");
    group.group = std::string(bad) + "/";
    invalid(group);
    Asked version = ask("get", "configmaps", "open", "x");
    version.version = bad;
    invalid(version);
  }
  invalid(with(ask("page", "configmaps", "open"), nullptr, "a\r\nb"));
  Asked none = ask("page", "configmaps", "open");
  none.limit = 0;
  invalid(none);
  EXPECT_FALSE(guest.world().process.metrics().expose().contains("berth_kubernetes_requests_total{"));
}

// 32 characters that are nowhere else.
const std::string kHidden = "c2VjcmV0LXRoYXQtbm9ib2R5LXNlZXM=";

TEST(KubernetesGuest, TheDataOfSecretsNeverArrives) {
  const std::string path = "/api/v1/namespaces/open/secrets";
  const json secret = {
      {"metadata",
       {{"name", "hidden"},
        {"annotations", {{"kubectl.kubernetes.io/last-applied-configuration", kHidden}, {"other", "seen"}}}}},
      {"data", {{"password", kHidden}}}};
  api().make(path, secret);
  KubeGuest guest(kAll + ", max-age: 0s");
  const auto clean = [&](const Outcome& got, std::string_view what) {
    const std::string all = got.message + text_of(got.body);
    EXPECT_FALSE(all.contains(kHidden) || all.contains("\"data\"")) << what << ": " << all;
  };
  const Outcome got = guest.call(ask("get", "secrets", "open", "hidden"));
  EXPECT_EQ(got.kind, "ok");
  EXPECT_TRUE(text_of(got.body).contains("seen"));
  clean(got, "get");
  clean(guest.call(ask("page", "secrets", "open")), "page");
  clean(guest.call(ask("page", "secrets")), "page of all");
  for (const std::string& item : guest.all(ask("list", "secrets", "open")))
    EXPECT_FALSE(item.contains(kHidden)) << item;
  const auto watch = guest.open(ask("watch", "secrets", "open"));
  const auto follow = [&](std::string_view until) {
    for (int i = 0; i < 20; ++i)
      for (const std::string& line : std::get<1>(guest.next(watch, 500))) {
        EXPECT_FALSE(line.contains(kHidden) || line.contains("\"data\"")) << line;
        if (line.starts_with(until)) return;
      }
    ADD_FAILURE() << "no " << until;
  };
  follow("synced");
  Asked patch = ask("patch", "secrets", "open", "hidden");
  patch.kind = 1;
  patch.body = bytes_of(R"({"metadata":{"labels":{"a":"b"}}})");
  const Outcome patched = guest.call(patch);
  EXPECT_EQ(patched.kind, "ok") << patched.message;
  clean(patched, "patch");
  follow("modified");
  // The API quotes the whole object in what it says about this one.
  EXPECT_TRUE(
      api()
          .request("PATCH", path + "/hidden", "", R"({"data":{"p":3}})", "application/merge-patch+json")
          .body.contains(kHidden));
  patch.body = bytes_of(R"({"data":{"p":3}})");
  const Outcome quoted = guest.call(patch);
  EXPECT_EQ(quoted.code, 422);
  EXPECT_EQ(quoted.reason, "Invalid");
  clean(quoted, "a patch that is refused");
  // Copies, tests and updates.
  patch.kind = 0;
  for (const char* text :
       {R"([{"op":"copy","from":"/data/password","path":"/metadata/labels/x"}])",
        R"([{"op":"move","from":"/data/password","path":"/metadata/annotations/x"}])",
        R"([{"op":"test","path":"/data/password","value":"x"}])", R"([{"\u006fp":"copy"}])",
        R"([{"op":"c\u006fpy","from":"/data","path":"/x"}])", R"([{"op":"add"},{"op":"COPY"}])", "[{}"}) {
    patch.body = bytes_of(text);
    const Outcome refused = guest.call(patch);
    EXPECT_EQ(refused.kind, "denied") << text << ": " << refused.message;
  }
  patch.body = bytes_of(R"([{"op":"add","path":"/metadata/labels/c","value":"d"}])");
  clean(guest.call(patch), "a JSON patch");
  Asked update = ask("update", "secrets", "open", "hidden");
  update.body = bytes_of(secret.dump());
  EXPECT_EQ(guest.call(update).kind, "denied");
  Asked create = ask("create", "secrets", "open");
  create.body = bytes_of(R"({"metadata":{"name":"made"},"stringData":{"a":"b"}})");
  const Outcome made = guest.call(create);
  EXPECT_EQ(made.kind, "ok") << made.message;
  clean(made, "create");
  clean(guest.call(ask("delete", "secrets", "open", "hidden")), "delete");
  follow("deleted");
  guest.drop_all();
  EXPECT_EQ(guest.search(kHidden), 0U);
}

TEST(KubernetesGuest, ConfiguredPathsNeverArrive) {
  const std::string path = "/api/v1/namespaces/open/pods";
  const auto pod = [](std::string name) {
    return json{{"metadata", {{"name", std::move(name)}}},
                {"spec",
                 {{"containers",
                   {{{"name", "c"},
                     {"image", "example.org/i:1"},
                     {"env", {{{"name", "SEEN"}, {"value", kHidden}}}}}}}}}};
  };
  api().make(path, pod("with-env"));
  KubeGuest guest(kAll + ", redact: { pods: [\"spec.containers[*].env[*].value\", \"status\"] }");
  const Outcome got = guest.call(ask("get", "pods", "open", "with-env"));
  EXPECT_TRUE(text_of(got.body).contains("SEEN"));
  EXPECT_FALSE(text_of(got.body).contains(kHidden));
  const Outcome page = guest.call(ask("page", "pods", "open"));
  EXPECT_TRUE(text_of(page.body).contains("SEEN"));
  EXPECT_FALSE(text_of(page.body).contains(kHidden));
  for (const std::string& item : guest.all(ask("list", "pods", "open"))) {
    EXPECT_TRUE(item.contains("SEEN")) << item;
    EXPECT_FALSE(item.contains(kHidden)) << item;
  }
  Asked create = ask("create", "pods", "open");
  create.body = bytes_of(pod("made").dump());
  create.dry_run = true;
  EXPECT_FALSE(text_of(guest.call(create).body).contains(kHidden));
  Asked guess = ask("page", "pods", "open");
  guess.fields = "status.phase=Pending";
  EXPECT_EQ(guest.call(guess).kind, "denied") << "what is hidden must not be asked for";
  EXPECT_FALSE(guest.world().process.logged(kHidden));
}

TEST(KubernetesGuest, NoCredentialIsAnywhereAGuestCanSee) {
  const json config = json::parse(api().file("kubeconfig"));
  std::vector<std::string> secrets = {api().token("admin"), api().token("reader"), api().file("client.key"),
                                      api().file("client.pem"), api().file("accounts.key")};
  for (const json& user : config["users"])
    for (const auto& [key, value] : user["user"].items())
      if (key.ends_with("-data")) secrets.push_back(value);
  // A key without its first and last line, too.
  for (std::size_t i = 0, n = secrets.size(); i < n; ++i)
    if (const std::size_t line = secrets[i].find('\n'); line != std::string::npos)
      secrets.push_back(secrets[i].substr(line + 1, 64));
  for (const char* context : {"admin", "certificate", "certificate-files", "token-file", "nobody"}) {
    KubeGuest guest(kAll + ", context: " + context);
    std::string all;
    const auto see = [&](const Outcome& got) {
      all += got.kind + got.reason + got.message + text_of(got.body);
    };
    for (const char* verb :
         {"get", "page", "create", "update", "patch", "delete", "logs", "discover", "version"}) {
      Asked asked = ask(verb, "configmaps", "open", std::string_view(verb) == "create" ? "" : "some");
      asked.body = bytes_of("{}");
      see(guest.call(asked));
    }
    see(guest.call(ask("get", "deployments.apps", "open", "x")));
    const auto listing = guest.open(ask("list", "configmaps", "open"));
    see(std::get<0>(guest.next(listing)));
    const auto watch = guest.open(ask("watch", "configmaps", "open"));
    see(std::get<0>(guest.next(watch, 100)));
    for (const std::string& line : guest.world().process.lines()) all += line;
    all += guest.world().process.metrics().expose();
    for (const std::string& secret : secrets) {
      EXPECT_FALSE(all.contains(secret)) << context;
      EXPECT_EQ(guest.search(secret), 0U) << context;
    }
    EXPECT_GE(guest.search("configmaps"), 1U) << "the search finds what is there";
  }
}

TEST(KubernetesGuest, TheOperatorIsToldWhatTheHostMayNot) {
  KubeGuest guest(kAll + ", context: nobody");
  EXPECT_EQ(guest.call(ask("get", "configmaps", "open", "x")).code, 403);
  EXPECT_TRUE(guest.world().process.logged(
      "the API answers the host with status 403: configmaps \"x\" is forbidden"));
  KubeGuest other(kAll);
  EXPECT_EQ(other.call(ask("get", "configmaps", "open", "none")).code, 404);
  EXPECT_FALSE(other.world().process.logged("the API answers"));
}

TEST(KubernetesGuest, WhatIsDroppedOrCutOffHarmsNothing) {
  KubeGuest guest(kAll);
  for (int i = 0; i < 300; ++i) (void)guest.open(ask("list", "configmaps", "open"));
  const auto [refused, none] = guest.next(299);
  EXPECT_EQ(refused.kind, "unavailable");
  EXPECT_TRUE(refused.message.contains("drop some")) << refused.message;
  EXPECT_EQ(std::get<0>(guest.next(0)).kind, "ok");
  guest.drop_all();
  EXPECT_EQ(guest.all(ask("list", "configmaps", "open")).size(),
            guest.all(ask("list", "configmaps", "open")).size());
  // A watch waits when its instance ends.
  const auto watch = guest.open(ask("watch", "configmaps", "open"));
  while (true) {
    const auto [got, lines] = guest.next(watch, 100);
    if (!lines.empty() && lines.back() == "synced") break;
  }
}

}  // namespace
}  // namespace berth::kubernetes
