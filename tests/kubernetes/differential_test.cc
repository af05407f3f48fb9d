// Some 200 requests of all kinds, each once through a guest and once directly: status, reason and body are
// equal.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "capabilities/kubernetes/wire/names.h"
#include "kube_guest.h"

namespace berth::kubernetes {
namespace {

using nlohmann::json;

constexpr const char* kGuest = "diff-guest";
constexpr const char* kDirect = "diff-other";

const std::string kGrant =
    "verbs: [get, list, watch, create, update, patch, delete], resources: [pods, pods/log, pods/status, "
    "pods/eviction, "
    "configmaps, namespaces, nodes, events, serviceaccounts, endpoints, widgets, deployments.apps, "
    "deployments.apps/scale, "
    "deployments.apps/status, replicasets.apps, clusterroles.rbac.authorization.k8s.io, "
    "roles.rbac.authorization.k8s.io, "
    "poddisruptionbudgets.policy, widgets.example.org, customresourcedefinitions.apiextensions.k8s.io, "
    "storageclasses.storage.k8s.io, leases.coordination.k8s.io], namespaces: [\"*\"], max-age: 0s";

std::string encoded(std::string_view text) {
  return text.empty() ? "" : Query().add("q", text).text().substr(2);
}

// The same request, made by hand.
TestKubernetes::Reply direct(const Asked& asked, const char* user) {
  std::string path =
      asked.group.empty() ? "/api/" + asked.version : "/apis/" + asked.group + "/" + asked.version;
  if (asked.namespace_) path += "/namespaces/" + *asked.namespace_;
  path += "/" + asked.plural;
  if (!asked.name.empty()) path += "/" + asked.name;
  if (asked.subresource) path += "/" + *asked.subresource;
  const std::string body = text_of(asked.body);
  const std::string options = std::string("fieldManager=berth") + (asked.dry_run ? "&dryRun=All" : "");
  if (asked.verb == "get") return api().request("GET", path, "", "", "", user);
  if (asked.verb == "page") {
    std::string query = "limit=" + std::to_string(asked.limit);
    if (!asked.labels.empty()) query += "&labelSelector=" + encoded(asked.labels);
    if (!asked.fields.empty()) query += "&fieldSelector=" + encoded(asked.fields);
    if (!asked.token.empty()) query += "&continue=" + encoded(asked.token);
    return api().request("GET", path, query, "", "", user);
  }
  if (asked.verb == "logs")
    return api().request("GET", path + "/log", "tailLines=10&limitBytes=" + std::to_string(asked.limit), "",
                         "", user);
  if (asked.verb == "version") return api().request("GET", "/version", "", "", "", user);
  if (asked.verb == "create") return api().request("POST", path, options, body, "application/json", user);
  if (asked.verb == "update") return api().request("PUT", path, options, body, "application/json", user);
  if (asked.verb == "delete") {
    json sent = {{"kind", "DeleteOptions"}, {"apiVersion", "v1"}};
    if (asked.dry_run) sent["dryRun"] = {"All"};
    if (!asked.token.empty()) sent["preconditions"]["resourceVersion"] = asked.token;
    return api().request("DELETE", path, "", sent.dump(), "application/json", user);
  }
  const char* types[] = {"application/json-patch+json", "application/merge-patch+json",
                         "application/strategic-merge-patch+json", "application/apply-patch+yaml",
                         "application/apply-patch+yaml"};
  return api().request("PATCH", path, options + (asked.kind == 4 ? "&force=true" : ""), body,
                       types[asked.kind], user);
}

// What differs between the two namespaces, and between two moments.
json comparable(std::string text) {
  for (std::size_t at = 0; (at = text.find(kGuest, at)) != std::string::npos;)
    text.replace(at, std::string_view(kGuest).size(), kDirect);
  // Messages quote objects.
  static const std::regex moments[] = {std::regex("[0-9a-f]{8}-[0-9a-f-]{27}"),
                                       std::regex("[0-9-]{10}T[0-9:]{8}Z"),
                                       std::regex("(resourceVersion[^0-9]{1,10}|in record \\()[0-9]+")};
  for (const std::regex& moment : moments) text = std::regex_replace(text, moment, "$1");
  json out = json::parse(text, nullptr, false);
  if (out.is_discarded()) return text;
  const std::function<void(json&)> clean = [&](json& value) {
    if (value.is_object()) {
      for (const char* key :
           {"uid", "resourceVersion", "creationTimestamp", "managedFields", "deletionTimestamp", "time"})
        value.erase(key);
      for (auto& [key, inner] : value.items()) clean(inner);
    } else if (value.is_array()) {
      for (json& inner : value) clean(inner);
    }
  };
  clean(out);
  return out;
}

class Differential : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    for (const char* ns : {kGuest, kDirect}) {
      api().make("/api/v1/namespaces", {{"metadata", {{"name", ns}}}});
      const std::string base = std::string("/api/v1/namespaces/") + ns;
      for (int i = 0; i < 6; ++i)
        api().make(
            base + "/configmaps",
            {{"metadata", {{"name", "m" + std::to_string(i)}, {"labels", {{"n", std::to_string(i % 2)}}}}},
             {"data", {{"k", "v"}}}});
      for (int i = 0; i < 2; ++i)
        api().make(base + "/pods",
                   {{"metadata", {{"name", "p" + std::to_string(i)}, {"labels", {{"app", "x"}}}}},
                    {"spec", {{"containers", {{{"name", "c"}, {"image", "example.org/i:1"}}}}}}});
      api().make("/apis/policy/v1/namespaces/" + std::string(ns) + "/poddisruptionbudgets",
                 {{"metadata", {{"name", "b"}}},
                  {"spec", {{"minAvailable", 1}, {"selector", {{"matchLabels", {{"app", "x"}}}}}}}});
      api().make("/apis/apps/v1/namespaces/" + std::string(ns) + "/deployments",
                 {{"metadata", {{"name", "d"}}},
                  {"spec",
                   {{"replicas", 1},
                    {"selector", {{"matchLabels", {{"app", "y"}}}}},
                    {"template",
                     {{"metadata", {{"labels", {{"app", "y"}}}}},
                      {"spec", {{"containers", {{{"name", "c"}, {"image", "example.org/i:1"}}}}}}}}}}});
    }
  }

  // Both, and what is the same about them. `twins`: the direct one is made in the other namespace.
  void same(KubeGuest& guest, Asked asked, bool twins, const char* user = "admin") {
    Asked other = asked;
    if (twins && other.namespace_ == kGuest) other.namespace_ = kDirect;
    if (twins && other.name == kGuest) other.name = kDirect;
    std::string body = text_of(other.body);
    for (std::size_t at = 0; twins && (at = body.find(kGuest, at)) != std::string::npos;)
      body.replace(at, std::string_view(kGuest).size(), kDirect);
    other.body = bytes_of(body);
    const std::string shown = fmt::format("{} {}/{} {}/{}/{} {}", asked.verb, asked.group, asked.plural,
                                          asked.namespace_.value_or("-"), asked.name,
                                          asked.subresource.value_or(""), text_of(asked.body).substr(0, 100));
    const Outcome got = guest.call(asked);
    const auto expected = direct(other, user);
    ++requests_;
    statuses_[expected.status]++;
    if (expected.status < 300) {
      EXPECT_EQ(got.kind, "ok") << shown << ": " << got.message;
    } else {
      EXPECT_EQ(got.kind, "status") << shown << ": " << got.message;
      EXPECT_EQ(got.code, expected.status) << shown;
      const json status = json::parse(expected.body, nullptr, false);
      if (status.is_object()) {
        EXPECT_EQ(got.reason, status.value("reason", "")) << shown;
        EXPECT_EQ(comparable(got.message), comparable(status.value("message", ""))) << shown;
      }
      EXPECT_EQ(got.retry_after.has_value(), expected.head.retry_after().has_value()) << shown;
    }
    if (twins)
      EXPECT_EQ(comparable(text_of(got.body)), comparable(expected.body)) << shown;
    else
      EXPECT_EQ(text_of(got.body), expected.body) << shown;
  }
  Asked body(Asked asked, const json& object) {
    asked.body = bytes_of(object.dump());
    return asked;
  }

  int requests_ = 0;
  std::map<int, int> statuses_;
};

TEST_F(Differential, GuestsGetWhatTheApiSays) {
  KubeGuest guest(kGrant);
  // Reads: byte for byte.
  const auto named = [](const char* resource, std::optional<std::string> ns, std::string name,
                        const char* sub = nullptr) {
    Asked asked = ask("get", resource, std::move(ns), std::move(name));
    if (sub != nullptr) asked.subresource = sub;
    return asked;
  };
  for (const std::string name : {"m0", "m1", "m5", "none", "with.dots", "system:x", "UPPER", "a@b"})
    for (const char* resource : {"configmaps", "pods", "events", "serviceaccounts", "endpoints"})
      same(guest, named(resource, kGuest, name), false);
  for (const char* resource :
       {"namespaces", "nodes", "clusterroles.rbac.authorization.k8s.io", "storageclasses.storage.k8s.io",
        "customresourcedefinitions.apiextensions.k8s.io"})
    for (const std::string name : {"default", "cluster-admin", "none"})
      same(guest, named(resource, std::nullopt, name), false);
  for (const std::string name : {"p0", "none"}) same(guest, named("pods", kGuest, name, "status"), false);
  for (const std::string name : {"d", "none"})
    for (const char* sub : {"status", "scale"})
      same(guest, named("deployments.apps", kGuest, name, sub), false);
  // What the API does not serve: a resource, a group, a version, a namespace that is none.
  for (const char* resource : {"widgets", "widgets.example.org"})
    same(guest, named(resource, kGuest, "x"), false);
  Asked wrong = named("deployments.apps", kGuest, "d");
  wrong.version = "v9";
  same(guest, wrong, false);
  same(guest, named("configmaps", "nowhere", "x"), false);
  same(guest, named("pods", std::nullopt, "p0"), false);
  same(guest, named("namespaces", kGuest, "default"), false);
  same(guest, ask("version", "pods"), false);

  // Pages, with selectors good and bad.
  for (const char* labels : {"", "n=0", "n in (0, 1),n!=1", "!n", "a=b=c", "n in (", "=", "n>0"})
    for (const char* fields : {"", "metadata.name=m1", "metadata.name!=m1", "spec.x=1"}) {
      Asked page = ask("page", "configmaps", kGuest);
      page.labels = labels;
      page.fields = fields;
      page.limit = 3;
      // Tokens are made anew for each answer where there are more pages.
      same(guest, page, std::string_view(labels).empty() || std::string_view(fields) != "metadata.name=m1");
    }
  for (const char* resource :
       {"pods", "events", "nodes", "namespaces", "widgets.example.org", "leases.coordination.k8s.io"})
    same(guest, ask("page", resource), true);
  for (const char* token : {"x", "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhIn0", "{}"}) {
    Asked page = ask("page", "configmaps", kGuest);
    page.token = token;
    same(guest, page, false);
  }
  Asked logs = ask("logs", "pods", kGuest, "p0");
  logs.limit = 1000;
  same(guest, logs, true);
  logs.name = "none";
  same(guest, logs, true);

  // Creates.
  const auto map = [](std::string name) {
    return json{{"metadata", {{"name", std::move(name)}}}, {"data", {{"a", "b"}}}};
  };
  Asked create = ask("create", "configmaps", kGuest);
  for (int i = 0; i < 8; ++i) same(guest, body(create, map("new-" + std::to_string(i))), true);
  for (const char* name : {"m0", "UPPER", "-x", "a/b", ""}) same(guest, body(create, map(name)), true);
  for (const char* text : {"{", "[]", "1", "{\"data\":1}", "{\"metadata\":{\"name\":5}}",
                           "{\"kind\":\"Pod\",\"apiVersion\":\"v1\"}",
                           "{\"metadata\":{\"name\":\"z\",\"namespace\":\"elsewhere\"}}", "\xff"}) {
    Asked bad = create;
    bad.body = bytes_of(text);
    same(guest, bad, true);
  }
  Asked dry = body(create, map("dry"));
  dry.dry_run = true;
  same(guest, dry, true);
  same(guest, named("configmaps", kGuest, "dry"), false);
  same(guest, body(ask("create", "configmaps", "nowhere"), map("x")), true);
  same(guest, body(ask("create", "widgets.example.org", kGuest), map("x")), true);
  same(guest,
       body(ask("create", "pods", kGuest),
            {{"metadata", {{"name", "bad"}}}, {"spec", {{"containers", json::array()}}}}),
       true);

  // Updates: of what is there, of what is not, of an old version.
  Asked update = ask("update", "configmaps", kGuest, "m2");
  same(guest, body(update, map("m2")), true);
  same(guest, body(update, map("other")), true);
  json old = map("m2");
  old["metadata"]["resourceVersion"] = "1";
  same(guest, body(update, old), true);
  update.name = "none";
  same(guest, body(update, map("none")), true);
  Asked scale = ask("update", "deployments.apps", kGuest, "d");
  scale.subresource = "scale";
  for (const int replicas : {3, -1})
    same(guest,
         body(scale,
              {{"metadata", {{"name", "d"}, {"namespace", kGuest}}}, {"spec", {{"replicas", replicas}}}}),
         true);

  // Patches of every kind.
  const char* patches[5][4] = {
      {R"([{"op":"add","path":"/data/p","value":"1"}])", R"([{"op":"test","path":"/data/k","value":"no"}])",
       R"([{"op":"remove","path":"/data/none"}])", "{"},
      {R"({"data":{"p":"2"}})", R"({"data":null})", R"({"data":{"p":3}})", "["},
      {R"({"metadata":{"labels":{"s":"1"}}})", R"({"data":{"p":null}})",
       R"({"metadata":{"labels":{"s":"not valid!"}}})", "1"},
      {R"({"apiVersion":"v1","kind":"ConfigMap","data":{"applied":"1"}})", R"({"kind":"ConfigMap"})",
       R"({"apiVersion":"v1","kind":"Pod"})", ": :"},
      {R"({"apiVersion":"v1","kind":"ConfigMap","data":{"k":"forced"}})",
       R"({"apiVersion":"v1","kind":"ConfigMap","x":1})", R"({"apiVersion":"v2","kind":"ConfigMap"})", "- a"},
  };
  for (std::uint8_t kind = 0; kind < 5; ++kind)
    for (const char* text : patches[kind]) {
      Asked patch = ask("patch", "configmaps", kGuest, "m3");
      patch.kind = kind;
      patch.body = bytes_of(text);
      same(guest, patch, true);
      patch.name = "none-of-these";
      if (kind < 3) same(guest, patch, true);
      patch.name = "m4";
      patch.dry_run = true;
      same(guest, patch, true);
    }
  Asked status = ask("patch", "pods", kGuest, "p0");
  status.subresource = "status";
  status.kind = 1;
  same(guest, body(status, {{"status", {{"phase", "Running"}}}}), true);

  // Evictions that a budget holds back: 429, after which the API wants to be left alone for 10 s.
  Asked evict = ask("create", "pods", kGuest, "p0");
  evict.subresource = "eviction";
  same(guest,
       body(evict, {{"apiVersion", "policy/v1"},
                    {"kind", "Eviction"},
                    {"metadata", {{"name", "p0"}, {"namespace", kGuest}}}}),
       true);

  // Deletes: dry, with a condition that does not hold, for real, and of what is gone.
  Asked remove = ask("delete", "configmaps", kGuest, "m5");
  remove.dry_run = true;
  same(guest, remove, true);
  remove.dry_run = false;
  remove.token = "1";
  same(guest, remove, true);
  remove.token.clear();
  same(guest, remove, true);
  same(guest, remove, true);
  remove.name = "new-0";
  same(guest, remove, true);
  same(guest, ask("delete", "namespaces", std::nullopt, "none"), true);

  // An old page.
  Asked page = ask("page", "configmaps", kGuest);
  page.limit = 2;
  page.token = json::parse(text_of(guest.call(page).body))["metadata"]["continue"];
  api().make("/api/v1/namespaces/default/configmaps", map("makes-a-revision"));
  api().compact();
  // The token for a list that goes on elsewhere is made anew for each answer.
  same(guest, page, true);

  EXPECT_GE(requests_, 200);
  for (const int code : {200, 201, 400, 404, 409, 410, 422, 429}) EXPECT_GE(statuses_[code], 1) << code;
}

TEST_F(Differential, WhatTheHostsUserMayNotIsForbidden) {
  KubeGuest guest(kGrant + ", context: reader");
  for (const char* verb : {"get", "page", "delete"})
    for (const char* resource :
         {"configmaps", "nodes", "deployments.apps", "clusterroles.rbac.authorization.k8s.io"})
      same(guest, ask(verb, resource, std::nullopt, verb == std::string_view("page") ? "" : "x"), true,
           "reader");
  EXPECT_EQ(statuses_[403], requests_);
}

}  // namespace
}  // namespace berth::kubernetes
