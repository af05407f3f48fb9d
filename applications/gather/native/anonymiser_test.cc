// Tests of what no archive holds.
#include "applications/gather/native/anonymiser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "applications/gather/native/limits.h"
#include "base/test_linear.h"

namespace berth::gather {
namespace {

using testing::HasSubstr;
using testing::Not;

// What is kept of a record, which must be acceptable.
std::string kept(std::string_view content, std::string_view path = "config/a.json") {
  const auto out = anonymised(path, content, {});
  EXPECT_TRUE(out) << content;
  return out && *out ? **out : std::string(content);
}

TEST(Anonymiser, LeavesARecordWithoutSecretsAlone) {
  for (const char* content : {R"({"a":[1,2.5e3,true,null,"b"],"c":{}})", "[]", "\"text\"", "12", "null",
                              " {} \n", R"({"url":"https://example.com"})"})
    EXPECT_EQ(anonymised("config/a.json", content, {}).value(), std::nullopt) << content;
}

TEST(Anonymiser, HidesByAsManyBytes) {
  EXPECT_EQ(kept(R"({"bootID":"0f-1e"})"), R"({"bootID":"xxxxx"})");
  EXPECT_EQ(kept(R"({"bootID":"\"\\\u00e9é"})"), R"({"bootID":"xxxxx"})");
  EXPECT_EQ(kept(R"({"bootID":""})"), R"({"bootID":""})");
}

TEST(Anonymiser, HidesWhatIdentifiesANode) {
  const std::string node =
      R"({"kind":"Node","metadata":{"name":"n1","labels":{"kubernetes.io/os":"linux","team":"red",)"
      R"("topology.kubernetes.io/region":"eu"},"annotations":{"owner":"me","node.openshift.io/x":"y"}},)"
      R"("status":{"nodeInfo":{"bootID":"b","systemUUID":"ss","machineID":"mmm","osImage":"Debian"}}})";
  const std::string hidden =
      R"({"kind":"Node","metadata":{"name":"n1","labels":{"kubernetes.io/os":"linux","team":"xxx",)"
      R"("topology.kubernetes.io/region":"xx"},"annotations":{"owner":"xx","node.openshift.io/x":"y"}},)"
      R"("status":{"nodeInfo":{"bootID":"x","systemUUID":"xx","machineID":"xxx","osImage":"Debian"}}})";
  EXPECT_EQ(kept(node), hidden);
  // Wherever it stands: in a list, with another name.
  EXPECT_EQ(kept(R"({"items":[)" + node + "]}", "aggregated/things.json"), R"({"items":[)" + hidden + "]}");
  // Labels of anything else stay.
  EXPECT_EQ(kept(R"({"metadata":{"labels":{"team":"red"}}})"), R"({"metadata":{"labels":{"team":"red"}}})");
}

TEST(Anonymiser, HidesIdentityProvidersAndProxies) {
  EXPECT_EQ(kept(R"({"spec":{"identityProviders":[{"name":"sso","type":"OpenID","mappingMethod":"claim",)"
                 R"("openID":{"issuer":"https://sso","clientID":"c","claims":{"email":["e"]}}}]}})"),
            R"({"spec":{"identityProviders":[{"name":"sso","type":"OpenID","mappingMethod":"claim",)"
            R"("openID":{"issuer":"xxxxxxxxxxx","clientID":"x","claims":{"email":["x"]}}}]}})");
  EXPECT_EQ(kept(R"({"spec":{"httpProxy":"http://u:p@h","httpsProxy":"h","noProxy":"n"}})"),
            R"({"spec":{"httpProxy":"xxxxxxxxxxxx","httpsProxy":"x","noProxy":"x"}})");
  EXPECT_EQ(kept(R"({"env":[{"name":"HTTPS_PROXY","value":"p"},{"name":"no_proxy","value":"q"},)"
                 R"({"name":"PATH","value":"r"}]})"),
            R"({"env":[{"name":"HTTPS_PROXY","value":"x"},{"name":"no_proxy","value":"x"},)"
            R"({"name":"PATH","value":"r"}]})");
}

TEST(Anonymiser, HidesProxiesThatLinesAssign) {
  EXPECT_EQ(
      kept("a: 1\nhttpProxy: http://u:p@h\n  noProxy: a,b\nb: 2", "config/configmaps/ns/c/install-config"),
      "a: 1\nhttpProxy:xxxxxxxxxxxxx\n  noProxy:xxxx\nb: 2");
  EXPECT_EQ(kept("HTTPS_PROXY=h\n--no-proxy=x \"all_proxy\": y", "a.txt"),
            "HTTPS_PROXY=x\n--no-proxy=xxxxxxxxxxxxxxxx");
  EXPECT_EQ(kept(R"({"data":{"c":"a: 1\nhttpProxy: \"h\"\nb: 2","d":"\\"}})"),
            R"({"data":{"c":"a: 1\nhttpProxy:xxxx\nb: 2","d":"\\"}})");
  for (const char* text : {"the proxy: is up", "httpProxy", "noProxy\n: a", "reverse-proxy=1", "xy", "x"})
    EXPECT_EQ(kept(text, "a.log"), text);
}

TEST(Anonymiser, HidesCertificatesWhateverTheyAreCalled) {
  EXPECT_EQ(kept(R"({"caBundle":"LS0tLS1CRUdJTiBD"})"), R"({"caBundle":"xxxxxxxxxxxxxxxx"})");
  EXPECT_EQ(kept(R"({"anything":"LS0tLS1CRUdJTiBD"})"), R"({"anything":"xxxxxxxxxxxxxxxx"})");
  EXPECT_EQ(kept(R"({"data":{"ca.crt":"-----BEGIN CERTIFICATE-----\nMII\n"}})"),
            R"({"data":{"ca.crt":")" + std::string(32, 'x') + R"("}})");
  const std::string text =
      "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----\nb\n";
  EXPECT_EQ(kept(text, "config/configmaps/ns/cm/ca.crt"),
            "a\n-----BEGIN xxxxxxxxxxxxxxxxxxxx\nxxxx\nxxxx\n-----END RSA PRIVATE KEY-----\nb\n");
  // Without an end: to the end.
  EXPECT_EQ(kept("-----BEGIN X\nabc\nde", "log.log"), "-----BEGIN x\nxxx\nxx");
}

TEST(Anonymiser, HidesRequestsForCertificates) {
  EXPECT_EQ(kept(R"({"kind":"CertificateSigningRequest","spec":{"request":"abc","signerName":"k","subject":)"
                 R"({"commonName":"n","names":["o"]},"dnsNames":["d"]}})"),
            R"({"kind":"CertificateSigningRequest","spec":{"request":"xxx","signerName":"k","subject":)"
            R"({"commonName":"x","names":["x"]},"dnsNames":["x"]}})");
  EXPECT_EQ(kept(R"({"spec":{"request":"LS0tLS1CRUdJTiBDRVJU"}})"),
            R"({"spec":{"request":"xxxxxxxxxxxxxxxxxxxx"}})");
}

TEST(Anonymiser, HidesWhatWasAppliedLast) {
  EXPECT_THAT(kept(R"({"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":)"
                   R"("{\"httpProxy\":\"secret\"}"}}})"),
              Not(HasSubstr("secret")));
}

TEST(Anonymiser, RefusesAJsonPathWithoutJson) {
  const std::string deep(kMaxJsonDepth + 1, '[');
  const std::string table[] = {"",   "{",     "}",   "[1,2", "{\"a\":1",   "{\"a\"", "\"a",       "{]",
                               "[}", "{} {}", "1 2", "{}x{", "[],[]",      "\x01",   "{\"a\\",    "[\"\\\"]",
                               deep, "{}}",   ":",   ",",    "\"a\"\"b\"", "{{}}",   "{\"a\":{}{"};
  for (const std::string& content : table) {
    const auto out = anonymised("config/a.json", content, {});
    ASSERT_FALSE(out) << content;
    EXPECT_EQ(out.error().code(), Code::kInvalidArgument);
    EXPECT_THAT(out.error().message(), HasSubstr("no JSON"));
    // Elsewhere it is a text like any other.
    EXPECT_EQ(anonymised("config/a.log", content, {}).value(), std::nullopt);
  }
  EXPECT_TRUE(anonymised("a.json", std::string(kMaxJsonDepth, '[') + std::string(kMaxJsonDepth, ']'), {}));
}

TEST(Anonymiser, TellsNamesThatHaveANamespace) {
  std::set<std::pair<std::string, std::string>> found;
  const auto note = [&](std::string_view ns, std::string_view name) { found.emplace(ns, name); };
  const char* content =
      R"({"items":[{"metadata":{"name":"web-1","namespace":"shop"}},{"metadata":{"name":"n1"}}],)"
      R"("involvedObject":{"kind":"Pod","namespace":"shop","name":"web-2"}})";
  EXPECT_TRUE(anonymised("a.json", content, note));
  EXPECT_EQ(found, (std::set<std::pair<std::string, std::string>>{{"shop", "web-1"}, {"shop", "web-2"}}));
}

TEST(Anonymiser, IsLinearInHostileRecords) {
  const auto line = [](const std::string& content) { (void)anonymised("a.log", content, {}); };
  for (const char* text : {"-----BEGIN ", "httpProxy", "\"", "\\"})
    EXPECT_TRUE(is_linear(text, line)) << text;
  // In text that is valid, or it would be refused at its first byte.
  const auto value = [](const std::string& content) {
    (void)anonymised("a.json", R"({"a":")" + content + R"("})", {});
  };
  for (const char* text : {"-----BEGIN ", "httpProxy", R"(\")", R"(\\)"})
    EXPECT_TRUE(is_linear(text, value)) << text;
  const auto keys = [](const std::string& content) {
    (void)anonymised("a.json", "{" + content + R"("z":1})", {});
  };
  EXPECT_TRUE(is_linear(R"("bootID":"a",)", keys));
}

}  // namespace
}  // namespace berth::gather
