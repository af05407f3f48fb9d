// wire: names into paths, JSON in place, what is hidden, the items of a list.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "capabilities/kubernetes/limits.h"
#include "capabilities/kubernetes/wire/json.h"
#include "capabilities/kubernetes/wire/list_splitter.h"
#include "capabilities/kubernetes/wire/names.h"
#include "capabilities/kubernetes/wire/object.h"
#include "capabilities/kubernetes/wire/redaction.h"

namespace berth::kubernetes {
namespace {

using namespace std::string_literals;

TEST(Names, MakePaths) {
  const ResourceType pods{"", "v1", "pods"}, roles{"rbac.authorization.k8s.io", "v1", "roles"};
  EXPECT_EQ(path_of(pods, std::nullopt), "/api/v1/pods");
  EXPECT_EQ(path_of(ObjectName{pods, "shop", "web-0", "log"}), "/api/v1/namespaces/shop/pods/web-0/log");
  EXPECT_EQ(path_of(ObjectName{roles, "kube-system", "system:a b", std::nullopt}),
            "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/roles/system:a%20b");
  EXPECT_EQ(Query().add("labelSelector", "app in (a, b)&x=1").text(),
            "labelSelector=app%20in%20%28a%2C%20b%29%26x%3D1");
}

TEST(Names, TricksAreRefused) {
  for (const auto& name : {""s, "."s, ".."s, "a/b"s, "../secrets/x"s, "a%2fb"s, "a?watch=1"s, "a#b"s, "a\\b"s,
                           "a\nb"s, "a b"s, "\x7f"s, "ä"s, "a\0b"s, std::string(kMaxNameBytes + 1, 'a')})
    EXPECT_FALSE(is_object_name(name)) << name;
  for (const auto& label : {""s, "Pods"s, "-a"s, "a-"s, "a.b"s, "a/b"s, "a%"s, std::string(64, 'a')}) {
    EXPECT_FALSE(is_label(label)) << label;
    EXPECT_FALSE(check(ResourceType{"", "v1", label})) << label;
    EXPECT_FALSE(check_namespace(label)) << label;
    EXPECT_FALSE(check(ObjectName{{"", "v1", "pods"}, "a", "b", label})) << label;
  }
  for (const auto& group : {"."s, "a..b"s, "Apps"s, "apps/v1"s, "a."s, "/"s, std::string(300, 'a')})
    EXPECT_FALSE(check(ResourceType{group, "v1", "pods"})) << group;
  EXPECT_FALSE(check(Selection{"a\r\nb", ""}));
  EXPECT_FALSE(check(Selection{"", std::string(kMaxSelectorBytes + 1, 'a')}));
  EXPECT_FALSE(check(ObjectName{{"", "v1", "pods"}, "a", "b", std::nullopt}, Named::kCreate));
  EXPECT_TRUE(check(ObjectName{{"", "v1", "pods"}, "a", "", std::nullopt}, Named::kCreate));
}

bool is_json(std::string_view text) {
  JsonScan scan(text);
  std::string_view raw;
  return scan.skip(raw) && scan.end();
}

TEST(Json, TakesWhatIsJsonAndNothingElse) {
  for (const char* good : {"{}", "[]", " {\"a\" : [1, -2.5e+3, true, false, null, \"\\u00e4\\n\"] } ", "0",
                           "\"\"", "[[[]]]", "{\"a\":{}}", "-0", "1E9"})
    EXPECT_TRUE(is_json(good)) << good;
  for (const char* bad : {"",     "{",       "}",        "[",       "[1",          "[1,]",
                          "[,1]", "{\"a\"}", "{\"a\":}", "{a:1}",   "{\"a\":1,}",  "{\"a\":1 \"b\":2}",
                          "01",   "+1",      "1.",       ".5",      "1e",          "tru",
                          "nul",  "'a'",     "\"a",      "\"\\x\"", "\"\\u12g4\"", "\"\n\"",
                          "{}{}", "[}",      "{]",       "NaN",     "[1 2]",       "{\"a\":1:2}",
                          "--1"})
    EXPECT_FALSE(is_json(bad)) << bad;
  EXPECT_TRUE(is_json(std::string(kMaxJsonDepth, '[') + std::string(kMaxJsonDepth, ']')));
  EXPECT_FALSE(is_json(std::string(kMaxJsonDepth + 1, '[') + std::string(kMaxJsonDepth + 1, ']')));
  EXPECT_FALSE(is_json(std::string(1'000'000, '[')));
}

TEST(Json, ReadsText) {
  std::string out;
  EXPECT_TRUE(string_value(R"("a\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00")", out));
  EXPECT_EQ(out, "a\"\\/\b\f\n\r\tä😀");
  for (const char* bad : {"\"\\ud83d\"", "\"\\ude00\"", "\"\\ud83dx\"", "\"\xff\"", "12", "\""})
    EXPECT_FALSE(string_value(bad, out)) << bad;
  EXPECT_TRUE(key_is("d\\u0061ta", "data"));
  EXPECT_EQ(json_string("a\"\\\n"), "\"a\\\"\\\\\\u000a\"");
}

std::string redacted(const std::vector<std::string>& paths, std::string_view object) {
  std::vector<RedactedPath> parsed;
  for (const std::string& path : paths) parsed.push_back(RedactedPath::parse(path).value());
  std::string out;
  const auto done = Redaction(std::move(parsed)).apply(object, out);
  return done ? out : "error: " + done.error().message();
}

TEST(Redaction, TakesOutWhatItNames) {
  const std::string pod =
      R"({"spec":{"containers":[{"name":"a","env":[{"name":"X","value":"1"},{"name":"Y"}]},{"name":"b"}]}})";
  EXPECT_EQ(redacted({"spec.containers[*].env[*].value"}, pod),
            R"({"spec":{"containers":[{"name":"a","env":[{"name":"X"},{"name":"Y"}]},{"name":"b"}]}})");
  EXPECT_EQ(redacted({"spec.containers.env.value"}, pod), redacted({"spec.containers[*].env[*].value"}, pod));
  EXPECT_EQ(redacted({"spec.containers[*].env"}, pod),
            R"({"spec":{"containers":[{"name":"a"},{"name":"b"}]}})");
  EXPECT_EQ(redacted({"spec"}, pod), "{}");
  EXPECT_EQ(redacted({"spec.*"}, pod), R"({"spec":{}})");
  EXPECT_EQ(redacted({"a", "b.c"}, R"({ "a" : 1, "b":{"c":[1],"d":2}, "e":3 })"), R"({"b":{"d":2},"e":3})");
  EXPECT_EQ(
      redacted({R"(metadata.annotations["a.b/c"])"}, R"({"metadata":{"annotations":{"a.b/c":"x","d":"y"}}})"),
      R"({"metadata":{"annotations":{"d":"y"}}})");
  // However the key is written, and however often.
  EXPECT_EQ(redacted({"data"}, R"({"d\u0061ta":1,"data":2,"data":{"data":3},"Data":4})"), R"({"Data":4})");
  EXPECT_EQ(redacted({"a.b"}, R"({"a":[[{"b":1}],{"b":2,"c":3}]})"), R"({"a":[[{}],{"c":3}]})");
  EXPECT_TRUE(redacted({"a"}, R"({"b":)").starts_with("error: "));
  EXPECT_TRUE(redacted({"a.b"}, R"({"a":{"b":1})").starts_with("error: "));
}

TEST(Redaction, PathsAreRead) {
  for (const char* bad : {"", ".a", "a.", "a..b", "[*]", "a[0]", "a[\"b", "a b\"]x[", "kind", "metadata.name",
                          "metadata", "*", "metadata.*"})
    EXPECT_FALSE(RedactedPath::parse(bad)) << bad;
  EXPECT_EQ(RedactedPath::parse("a[*].b[\"c.d\"].*").value().parts(),
            (std::vector<std::string>{"a", "b", "c.d", "*"}));
}

TEST(Redaction, AFieldSelectorMustNotAsk) {
  std::vector<RedactedPath> paths;
  paths.push_back(RedactedPath::parse("spec.token").value());
  const Redaction redaction(std::move(paths));
  for (const char* asks :
       {"spec.token=a", "a=b,spec.token!=x", " spec.token == a", "spec=1", "spec.token.x=1"})
    EXPECT_TRUE(redaction.hides_field_of(asks)) << asks;
  for (const char* may :
       {"", "metadata.name=a", "spec.tokens=a", "status.phase=Running,spec.node=spec.token"})
    EXPECT_FALSE(redaction.hides_field_of(may)) << may;
  EXPECT_FALSE(redaction.hides_labels());
  std::vector<RedactedPath> labels;
  labels.push_back(RedactedPath::parse("metadata.labels.owner").value());
  EXPECT_TRUE(Redaction(std::move(labels)).hides_labels());
}

TEST(Objects, GetKindAndLoseSecrets) {
  const Redaction none({});
  std::string out;
  const auto facts =
      prepare(R"({"metadata":{"name":"a","namespace":"b","resourceVersion":"7"}})", none, "v1", "Pod", out);
  ASSERT_TRUE(facts) << facts.error().message();
  EXPECT_EQ(
      out,
      R"({"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","namespace":"b","resourceVersion":"7"}})");
  EXPECT_EQ(facts->name + facts->ns + facts->resource_version, "ab7");
  out.clear();
  ASSERT_TRUE(prepare("{ }", none, "v1", "Pod", out));
  EXPECT_EQ(out, R"({"kind":"Pod","apiVersion":"v1" })");
  // A Secret is one wherever it comes from, and whatever was asked for.
  for (const char* text :
       {R"({"data":{"a":"x"},"kind":"Secret","stringData":{"b":"x"}})", R"({"data":{"a":"x"}})"}) {
    out.clear();
    ASSERT_TRUE(prepare(text, none, "v1", "Secret", out));
    EXPECT_FALSE(out.contains("x")) << out;
  }
  EXPECT_EQ(
      prepare_answer(
          R"({"kind":"SecretList","items":[{"data":{"a":"x"},"type":"t"},{"type":"u"}],"metadata":{}})", none)
          .value(),
      R"({"kind":"SecretList","items":[{"type":"t"},{"type":"u"}],"metadata":{}})");
  for (const char* bad :
       {"", "[]", "1", "{\"metadata\":{\"name\":1}}", "{\"kind\":{}}", "{\"a\":\"\xff\"}", "{}x"})
    EXPECT_FALSE(prepare_answer(bad, none)) << bad;
}

TEST(Objects, EverySecretOfTheRegistryIsHidden) {
  const Redactions redactions({});
  for (const char* resource : {"secrets", "secrets.example.org"}) {
    std::string out;
    ASSERT_TRUE(redactions.of(resource)->apply(
        R"({"data":{"a":"x"},"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"x","b":"c"}}})",
        out));
    EXPECT_EQ(out, R"({"metadata":{"annotations":{"b":"c"}}})") << resource;
  }
  EXPECT_TRUE(redactions.of("pods")->empty());
}

struct Split {
  std::vector<std::string> items;
  ListHead head;
  std::string error;
};

// Given in pieces of `step` bytes.
Split split(std::string_view text, std::size_t step) {
  Split out;
  ListSplitter splitter([&](std::string_view item, const ListHead& head) -> Result<void> {
    out.items.push_back(head.kind + ":" + std::string(item));
    return {};
  });
  for (std::size_t at = 0; at < text.size(); at += step) {
    const std::string_view piece = text.substr(at, step);
    if (auto done = splitter.write({reinterpret_cast<const std::uint8_t*>(piece.data()), piece.size()});
        !done) {
      out.error = done.error().message();
      return out;
    }
  }
  auto head = splitter.finish();
  if (head)
    out.head = *head;
  else
    out.error = head.error().message();
  return out;
}

TEST(ListSplitter, GivesItemsHoweverTheyArrive) {
  const std::string text =
      R"( {"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"12","continue":"to\"ken","a":[{}]},"items": )"
      R"([ {"a":"}]\"\\"} , {"b":[{"items":[1]}]},{}] ,"z":[1,[2]]})";
  for (std::size_t step = 1; step <= text.size(); ++step) {
    const Split got = split(text, step);
    EXPECT_EQ(got.error, "") << step;
    EXPECT_EQ(got.items, (std::vector<std::string>{R"(PodList:{"a":"}]\"\\"})",
                                                   R"(PodList:{"b":[{"items":[1]}]})", "PodList:{}"}))
        << step;
    EXPECT_EQ(got.head.continue_token, "to\"ken");
    EXPECT_EQ(got.head.resource_version, "12");
    EXPECT_EQ(got.head.kind + got.head.api_version, "PodListv1");
  }
  EXPECT_EQ(split(R"({"items":null,"kind":"L"})", 3).error, "");
  EXPECT_EQ(split(R"({"items":[],"kind":"L"})", 3).head.kind, "L");
}

TEST(ListSplitter, RefusesWhatIsNoList) {
  for (const char* bad :
       {"", "[]", "{}", R"({"items":{}})", R"({"items":1})", R"({"items":[1]})", R"({"items":[{}{}]})",
        R"({"items":[,{}]})", R"({"items":[{},]})", R"({"items":[{})", R"({"items":[{}])",
        R"({"items":[{}],"items":[{}]})", R"({"items":["a"]})", R"({"kind":1,"items":[]})",
        R"({"metadata":{"continue":7},"items":[]})", R"({"items":[]}x)", R"({"it\u0065ms":[{}]})",
        R"({"items":[]]})", R"({"a":"items":[{}]})"})
    for (const std::size_t step : {1U, 4U, 1000U}) EXPECT_NE(split(bad, step).error, "") << bad;
  EXPECT_TRUE(split("{\"a\":\"" + std::string(kMaxListHeadBytes, 'a') + "\",\"items\":[]}", 1000)
                  .error.contains("KiB"));
  EXPECT_TRUE(split("{\"items\":[{\"a\":\"" + std::string(kMaxObjectBytes, 'a') + "\"}]}", 100'000)
                  .error.contains("MiB"));
}

}  // namespace
}  // namespace berth::kubernetes
