// Tests of rules: what is understood, and fifty that are not.
#include "applications/gather/native/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "applications/gather/native/limits.h"

namespace berth::gather {
namespace {

using testing::HasSubstr;

constexpr const char* kAlert = R"({"type":"alert_is_firing","alert":{"name":"A"}})";

std::string rule(const std::string& conditions, const std::string& functions = R"({"f":{}})") {
  return R"({"conditions":[)" + conditions + R"(],"gathering_functions":)" + functions + "}";
}
std::string rules(const std::string& list) {
  return R"({"version":"1","conditional_gathering_rules":[)" + list + "]}";
}
std::string logs(const std::string& request) {
  return R"({"conditional_gathering_rules":[],"container_logs":[)" + request + "]}";
}
std::string times(const std::string& text, std::size_t n) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) {
    std::string one = text;
    if (const std::size_t at = one.find('#'); at != std::string::npos) one.replace(at, 1, std::to_string(i));
    out += (i == 0 ? "" : ",") + one;
  }
  return out;
}

TEST(Rules, AreUnderstood) {
  const auto r =
      parse_rules(R"({"version":"1.1.0","conditional_gathering_rules":[{"conditions":[)" +
                  std::string(kAlert) +
                  R"(,{"type":"cluster_version_matches","cluster_version_matches":{"version":"4.17.x"}}],)"
                  R"("gathering_functions":{"containers_logs":{"alert_name":"A","tail_lines":50},)"
                  R"("ours":{"any":[1]}}}],"container_logs":[{"namespace":"openshift-etcd",)"
                  R"("pod_name_regex":".*","messages":["a b"],"previous":true}]})")
          .value();
  EXPECT_EQ(r.version, "1.1.0");
  ASSERT_EQ(r.rules.size(), 1);
  ASSERT_EQ(r.rules[0].conditions.size(), 2);
  EXPECT_EQ(r.rules[0].conditions[0].alert, "A");
  EXPECT_EQ(r.rules[0].conditions[1].kind, Condition::Kind::kClusterVersionMatches);
  EXPECT_EQ(r.rules[0].functions[0].name, "containers_logs");
  EXPECT_EQ(r.rules[0].functions[1].parameters, R"({"any":[1]})");
  EXPECT_THAT(r.container_logs, HasSubstr("openshift-etcd"));
}

TEST(Rules, BuiltInOnesAreValid) {
  EXPECT_EQ(parse_rules(default_rules()).value().rules.size(), 3);
  // No conditions: always.
  EXPECT_TRUE(parse_rules(rules(rule(""))));
  EXPECT_TRUE(parse_rules(rules(times(rule("", R"({"f#":{}})"), kMaxRules))));
}

TEST(Rules, RefusesMalformedAndHostileOnes) {
  const auto function = [](const std::string& text) { return rules(rule(kAlert, "{" + text + "}")); };
  const auto version = [](const std::string& text) {
    return rules(rule(R"({"type":"cluster_version_matches","cluster_version_matches":)" + text + "}"));
  };
  const std::pair<std::string, std::string> table[] = {
      {"", "no JSON"},
      {"{", "no JSON"},
      {"{}}", "no JSON"},
      {"\xff\xfe", "UTF-8"},
      {"[]", "expected an object"},
      {"null", "expected an object"},
      {"\"rules\"", "expected an object"},
      {"{}", "conditional_gathering_rules is missing"},
      {std::string(300'000, '['), "nested deeper"},
      {rules(rule(kAlert, R"({"f":{"a":)" + std::string(200, '[') + std::string(200, ']') + "}}")),
       "nested deeper"},
      {std::string(kMaxRulesBytes + 1, ' '), "more than"},
      {R"({"version":1,"conditional_gathering_rules":[]})", "version"},
      {R"({"version":")" + std::string(200, 'v') + R"(","conditional_gathering_rules":[]})", "version"},
      {R"({"conditional_gathering_rules":[],"extra":1})", "no key \"extra\""},
      {R"({"conditional_gathering_rules":[],")" + std::string(127, 'a') + "\xe5\xbe\xa3" + R"(":1})",
       "no key"},
      {R"({"conditional_gathering_rules":{}})", "expected a list"},
      {R"({"conditional_gathering_rules":"x"})", "expected a list"},
      {rules("1"), "conditional_gathering_rules[0]: expected an object"},
      {rules(rule(kAlert) + "," + rule(kAlert)), "conditional_gathering_rules[1]: the same rule twice"},
      {rules(times(rule("", R"({"f#":{}})"), kMaxRules + 1)), "list of up to 64"},
      {rules("{}"), "conditions is missing"},
      {rules(R"({"conditions":[]})"), "gathering_functions is missing"},
      {rules(R"({"conditions":{},"gathering_functions":{"f":{}}})"), "conditions: expected a list"},
      {rules(R"({"conditions":[],"gathering_functions":{"f":{}},"more":1})"), "no key \"more\""},
      {rules(rule(std::string(kAlert) + "," + kAlert)), "conditions[1]: the same condition twice"},
      {rules(rule(times(R"({"type":"alert_is_firing","alert":{"name":"A#"}})", kMaxConditions + 1))),
       "up to 8"},
      {rules(rule("{}")), "conditions[0]: the key type is missing"},
      {rules(rule("7")), "conditions[0]: expected an object"},
      {rules(rule(R"({"type":7})")), "type: expected a text"},
      {rules(rule(R"({"type":"moon_is_full"})")), "expected alert_is_firing or"},
      {rules(rule(R"({"type":"alert_is_firing"})")), "alert is missing"},
      {rules(rule(R"({"type":"alert_is_firing","alert":{}})")), "name is missing"},
      {rules(rule(R"({"type":"alert_is_firing","alert":{"name":"A B"}})")), "alert's name"},
      {rules(rule(R"({"type":"alert_is_firing","alert":{"name":""}})")), "alert's name"},
      {rules(rule(R"({"type":"alert_is_firing","alert":{"name":")" + std::string(129, 'a') + R"("}})")),
       "128"},
      {rules(rule(R"({"type":"alert_is_firing","alert":["A"]})")), "alert: expected an object"},
      {rules(rule(R"({"type":"alert_is_firing","alert":{"name":"A"},"x":1})")), "no key \"x\""},
      {version("{}"), "version is missing"},
      {version(R"({"version":""})"), "version"},
      {version(R"({"version":"four"})"), "version"},
      {version(R"({"version":4.17})"), "expected a text"},
      {version(R"({"version":")" + std::string(65, '1') + R"("})"), "64"},
      {function(""), "1 to 8 functions"},
      {rules(rule(kAlert, "[]")), "1 to 8 functions"},
      {function(times(R"("f#":{})", kMaxFunctions + 1)), "1 to 8 functions"},
      {function(R"("../up":{})"), "a function's name"},
      {function(R"("f":[])"), "gathering_functions.f: expected an object"},
      {function(R"("f":null)"), "gathering_functions.f: expected an object"},
      {function(R"("logs_of_namespace":{"namespace":"openshift-a"})"), "tail_lines is missing"},
      {function(R"("logs_of_namespace":{"namespace":"kube-system","tail_lines":1})"), "namespace"},
      {function(R"("logs_of_namespace":{"namespace":"openshift-a","tail_lines":0})"), "1 to 4096"},
      {function(R"("logs_of_namespace":{"namespace":"openshift-a","tail_lines":1e99})"), "1 to 4096"},
      {function(R"("image_streams_of_namespace":{"namespace":"openshift-/.."})"), "namespace"},
      {function(R"("pod_definition":{"alert_name":"A B"})"), "alert_name"},
      {function(R"("containers_logs":{"alert_name":"A","tail_lines":5000})"), "1 to 4096"},
      {function(R"("containers_logs":{"alert_name":"A","tail_lines":5,"previous":"yes"})"), "previous"},
      {function(R"("containers_logs":{"alert_name":"A","tail_lines":5,"container":"a b"})"), "container"},
      {logs("1"), "container_logs[0]: expected an object"},
      {logs("{}"), "namespace is missing"},
      {logs(R"({"namespace":"shop","pod_name_regex":".*","messages":[]})"), "openshift- or kube-"},
      {logs(R"({"namespace":"kube-system","messages":[]})"), "pod_name_regex is missing"},
      {logs(R"({"namespace":"kube-system","pod_name_regex":".*"})"), "messages is missing"},
      {logs(R"({"namespace":"kube-system","pod_name_regex":".*","messages":[7]})"), "messages[0]"},
      {logs(R"({"namespace":"kube-system","pod_name_regex":")" + std::string(2000, 'a') +
            R"(","messages":[]})"),
       "more than 1024"},
      {logs(R"({"namespace":"kube-system","pod_name_regex":".*","messages":[)" +
            times("\"a\"", kMaxPatterns + 1) + "]}"),
       "up to 256"},
      {logs(R"({"namespace":"kube-system","pod_name_regex":".*","messages":[],"previous":1})"), "previous"},
      {logs(times("{}", kMaxLogRequests + 1)), "up to 1000"},
      {R"({"conditional_gathering_rules":[],"container_logs":{}})", "container_logs: expected a list"},
  };
  for (const auto& [text, says] : table) {
    const auto parsed = parse_rules(text);
    ASSERT_FALSE(parsed) << text.substr(0, 300);
    EXPECT_EQ(parsed.error().code(), Code::kInvalidArgument);
    EXPECT_THAT(parsed.error().message(), HasSubstr(says)) << text.substr(0, 300);
    EXPECT_LT(parsed.error().message().size(), 600);
  }
}

}  // namespace
}  // namespace berth::gather
