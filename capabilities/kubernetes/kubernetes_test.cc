// kubernetes: the section and its mistakes; roles of rules; what must not be written back.
#include <gtest/gtest.h>

#include <string>

#include "capabilities/grants/testing.h"
#include "capabilities/kubernetes/grants.h"
#include "capabilities/kubernetes/rbac.h"
#include "capabilities/kubernetes/requests.h"

namespace berth::kubernetes {
namespace {

std::optional<Settings> read_yaml(std::string_view yaml) {
  manifest::Problems problems("/etc/berth/berth.yaml");
  const auto value = manifest::parse_yaml(yaml, problems);
  if (!value) return std::nullopt;
  auto read = kubernetes::read(*value, "grants.kubernetes", problems);
  EXPECT_EQ(read.has_value(), problems.empty()) << problems.to_string();
  return read;
}

TEST(Kubernetes, ReadsRules) {
  const auto flat = read_yaml(R"(
kubeconfig: kubeconfig
context: production
verbs: [get, list]
resources: [pods, pods/log, deployments.apps]
namespaces: [shop, "x-1"]
names: [web]
redact: { pods: ["spec.containers[*].env[*].value"], deployments.apps: [status] }
max-age: 5m
)");
  ASSERT_TRUE(flat);
  EXPECT_EQ(flat->cluster.kubeconfig, "/etc/berth/kubeconfig");
  EXPECT_EQ(flat->cluster.context, "production");
  EXPECT_EQ(flat->max_age, std::chrono::minutes(5));
  ASSERT_EQ(flat->rules.size(), 1U);
  EXPECT_EQ(flat->rules[0].verbs, (std::vector<Verb>{Verb::kGet, Verb::kList}));
  EXPECT_EQ(flat->rules[0].resources, (std::vector<std::string>{"pods", "pods/log", "deployments.apps"}));
  EXPECT_FALSE(flat->rules[0].everywhere);
  EXPECT_EQ(flat->rules[0].names, std::vector<std::string>{"web"});
  EXPECT_EQ(flat->redact.size(), 2U);
  const auto two = read_yaml(
      "rules: [{ verbs: [get], resources: [nodes], namespaces: [\"*\"] }, { verbs: [create], resources: "
      "[pods/eviction], "
      "namespaces: [a], names: [b] }]");
  ASSERT_TRUE(two);
  EXPECT_EQ(two->rules.size(), 2U);
  EXPECT_TRUE(two->rules[0].everywhere);
  EXPECT_EQ(two->max_age, kDefaultMaxAge);
  EXPECT_TRUE(read_yaml("{}")->rules.empty());
}

TEST(Kubernetes, MistakesHaveAPlace) {
  const auto problems = [](std::string_view yaml) {
    return grants::testing::read(capability(), yaml).problems;
  };
  const struct {
    const char *yaml, *expected;
  } cases[] = {
      {"- pods", "berth.yaml:1:1: grants.kubernetes"},
      {"verbs: [get]", "grants.kubernetes.resources: is missing"},
      {"{ verbs: [get], resources: [pods] }", "grants.kubernetes.namespaces: is missing"},
      {"{ verbs: [], resources: [pods], namespaces: [a] }",
       "berth.yaml:1:10: grants.kubernetes.verbs: names none"},
      {"{ verbs: [read], resources: [pods], namespaces: [a] }", "must be get, list, watch, create"},
      {"{ verbs: [watch], resources: [pods], namespaces: [a] }", "has watch without list"},
      {"{ verbs: [\"*\"], resources: [pods], namespaces: [a] }", "must be get, list, watch, create"},
      {"{ verbs: [get], resources: [\"*\"], namespaces: [a] }", "there is no \"*\" for all"},
      {"{ verbs: [get], resources: [Pods], namespaces: [a] }", "must be plurals like pods"},
      {"{ verbs: [get], resources: [pods/], namespaces: [a] }", "must be plurals like pods"},
      {"{ verbs: [get], resources: [pods.], namespaces: [a] }", "must be plurals like pods"},
      {"{ verbs: [create], resources: [pods/exec], namespaces: [a] }",
       "pods/exec would hand out credentials"},
      {"{ verbs: [create], resources: [serviceaccounts/token], namespaces: [a] }", "is never granted"},
      {"{ verbs: [get], resources: [pods], namespaces: [a, \"*\"] }", "names some beside \"*\""},
      {"{ verbs: [get], resources: [pods], namespaces: [A] }", "is no namespace"},
      {"{ verbs: [get], resources: [pods], namespaces: [a], names: [] }",
       "names none, so the rule allows nothing"},
      {"{ verbs: [get], resources: [pods], namespaces: [a], names: [a/b] }", "is no name of an object"},
      {"{ verbs: [create], resources: [pods], namespaces: [a], names: [b] }", "cannot bound create"},
      {"{ verbs: [get], resources: [pods], namespaces: [a], rules: [] }",
       "grants.kubernetes.rules: has no meaning beside"},
      {"rules: [{ verbs: [get], resources: [pods] }]", "grants.kubernetes.rules[0].namespaces: is missing"},
      {"rules: [{ verb: [get] }]", "no key \"verb\""},
      {"rules: pods", "grants.kubernetes.rules must be a list"},
      {"redact: [pods]", "grants.kubernetes.redact must be a map"},
      {"redact: { Pods: [a] }", "is no resource"},
      {"redact: { pods/log: [a] }", "is no resource"},
      {"redact: { pods: [\"a..b\"] }", "grants.kubernetes.redact.pods: \"a..b\": a name is missing"},
      {"redact: { pods: [metadata.name] }", "an object cannot be without it"},
      {"max-age: 1w", "grants.kubernetes.max-age"},
      {"kubeconfig: \"\"", "grants.kubernetes.kubeconfig: is no path"},
      {"token: abc", "no key \"token\""},
  };
  for (const auto& c : cases)
    EXPECT_TRUE(problems(c.yaml).contains(c.expected)) << c.yaml << "\n" << problems(c.yaml);
}

TEST(Kubernetes, AnApiThatCannotBeFoundFailsTheStart) {
  grants::testing::Process process;
  const auto reading = grants::testing::read(
      capability(), "{ kubeconfig: /nowhere/at/all, verbs: [get], resources: [pods], namespaces: [a] }");
  ASSERT_TRUE(reading.maker) << reading.problems;
  const auto made = reading.maker(process.services());
  ASSERT_FALSE(made);
  EXPECT_TRUE(made.error().message().starts_with("kubernetes: reading /nowhere/at/all: "))
      << made.error().message();
}

TEST(Kubernetes, RolesAreWhatTheRulesSay) {
  const auto settings = read_yaml(R"(
rules:
  - { verbs: [list, get], resources: [pods, nodes, deployments.apps/status], namespaces: ["*"] }
  - { verbs: [get], resources: [configmaps, namespaces], namespaces: [b, a], names: ["x:y"] }
)");
  ASSERT_TRUE(settings);
  const std::string yaml = rbac_yaml(settings->rules, {"shop", "agent"});
  const std::string binding = R"(---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: "shop-agent"
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: "shop-agent"
subjects:
  - kind: ServiceAccount
    name: "agent"
    namespace: "shop"
)";
  EXPECT_TRUE(yaml.starts_with(R"(---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: "shop-agent"
rules:
  - apiGroups: [""]
    resources: ["nodes", "pods"]
    verbs: ["get", "list"]
  - apiGroups: ["apps"]
    resources: ["deployments/status"]
    verbs: ["get", "list"]
)" + binding))
      << yaml;
  EXPECT_TRUE(yaml.contains(R"(kind: Role
metadata:
  name: "shop-agent"
  namespace: "a"
rules:
  - apiGroups: [""]
    resources: ["configmaps"]
    resourceNames: ["x:y"]
    verbs: ["get"]
)")) << yaml;
  EXPECT_EQ(rbac_yaml({}, {"shop", "agent"}), "");
}

TEST(Kubernetes, RequestsAreChecked) {
  const std::vector<std::uint8_t> some(10, '1'), much(kMaxSentBytes + 1, '1');
  const ObjectName pod{{"", "v1", "pods"}, "a", "b", std::nullopt};
  ObjectName unnamed = pod;
  unnamed.name.clear();
  EXPECT_TRUE(make_create(unnamed, some, {}));
  EXPECT_FALSE(make_create(pod, some, {}));
  EXPECT_FALSE(make_create(unnamed, {}, {}));
  EXPECT_FALSE(make_update(pod, much, {}));
  EXPECT_FALSE(make_update(unnamed, some, {}));
  EXPECT_FALSE(make_update(pod, some, {.field_manager = std::string(129, 'a')}));
  EXPECT_FALSE(make_update(pod, some, {.field_manager = "a\nb"}));
  EXPECT_EQ(
      make_patch(pod, PatchKind::kApplyForced, some, {.dry_run = true, .field_manager = "m"})->query.text(),
      "fieldManager=m&dryRun=All&force=true");
  EXPECT_EQ(
      make_delete(pod, {.dry_run = true,
                        .propagation = Propagation::kForeground,
                        .grace_seconds = 0,
                        .uid = "u\"",
                        .resource_version = "7"})
          ->body,
      R"({"kind":"DeleteOptions","apiVersion":"v1","dryRun":["All"],"propagationPolicy":"Foreground","gracePeriodSeconds":0,)"
      R"("preconditions":{"uid":"u\"","resourceVersion":"7"}})");
  EXPECT_FALSE(check_page(0, ""));
  EXPECT_FALSE(check_page(kMaxPageItems + 1, ""));
  EXPECT_FALSE(check_page(1, std::string(kMaxContinueBytes + 1, 'a')));
  EXPECT_FALSE(check_logs("a", "b", {.limit_bytes = 0}));
  EXPECT_FALSE(check_logs("a", "b", {.limit_bytes = kMaxLogBytes + 1}));
  EXPECT_FALSE(check_logs("a", "b", {.container = "a&b", .limit_bytes = 1}));
  EXPECT_FALSE(check_logs("", "b", {.limit_bytes = 1}));
  EXPECT_TRUE(check_logs("a", "b", {.container = "c", .limit_bytes = 1}));
}

TEST(Kubernetes, ShadowsReadAndDoNotWrite) {
  grants::testing::Process process;
  const auto grant = grants::testing::grant(capability(), "{}", process.services());
  ASSERT_TRUE(grant);
  EXPECT_NE(grant->shadow(), nullptr);
  EXPECT_TRUE(grant->covers("berth:kubernetes/reading@0.1.0"));
  EXPECT_TRUE(grant->covers("berth:kubernetes/writing@0.1.0"));
  EXPECT_FALSE(grant->covers("berth:kubernetes/other@0.1.0"));
}

}  // namespace
}  // namespace berth::kubernetes
