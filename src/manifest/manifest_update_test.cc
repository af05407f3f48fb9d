// What a manifest says about updates, sources, signatures, registries and the store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "manifest/limits.h"
#include "manifest/manifest.h"
#include "manifest/test_problems.h"

namespace berth::manifest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

auto parse_plain(std::string_view text) { return parse(text, "m.yaml", "/app", {}); }
auto plain_problems(std::string_view text) { return problems_in(parse_plain(text)); }

// Those of a section that is off unless it is written.
TEST(Manifest, DefaultsOfTrialsAreTheDocumentedOnes) {
  const auto m = parse_plain("workloads: {a: {source: file:a.wasm, update: {canary: {}, shadow: {}}}}");
  ASSERT_TRUE(m) << m.error().to_string();
  const auto json = nlohmann::json::parse(to_json(*m))["workloads"]["a"]["update"];
  std::size_t compared = 0;
  for (const Section* section : sections()) {
    for (const std::string trial : {"canary", "shadow"}) {
      if (section->path != "workloads.<name>.update." + trial) continue;
      for (const Key& key : section->keys) {
        EXPECT_EQ(json[trial][std::string(key.name)], std::string(key.fallback)) << key.name;
        ++compared;
      }
    }
  }
  EXPECT_EQ(compared, 6u);
}

constexpr std::string_view kUpdates = R"(workloads:
  web:
    source: oci://registry.example.com:5000/team/web:v1.2.3
    instances: {pool: 4}
    update:
      every: 5m
      jitter: 30s
      backoff: 1h
      shadow: {percent: 20%, for: 2m, differ: 1%}
      canary: {percent: 5%, for: 1h, by: key}
      rollback: {errors: [2%, 3x], latency: 50%, within: 30m, min-calls: 200}
      hold: false
      downgrade: allow
    signature: {all-of: [keys/build.pub, /abs/review.pub]}
  tool:
    source: https://example.com/tool.wasm?v=1
    instances: one
    update: {rollback: off, shadow: {}}
    signature: {any-of: release.pub}
store: {path: var, max: 10GiB, keep: 5}
registries:
  "registry.example.com:5000": {ca: ca.pem, cert: c.pem, key: c.key, user: robot, password-file: secret}
  10.0.0.7: {plain-http: true, docker-config: docker.json}
)";

TEST(Manifest, ReadsEveryKeyAboutUpdates) {
  const auto broken = parse_plain(kUpdates);
  ASSERT_FALSE(broken) << "nothing would judge the shadow of a workload without rollback";
  std::string text(kUpdates);
  text.replace(text.find("rollback: off, shadow: {}"), 25, "rollback: off");
  const auto m = parse_plain(text);
  ASSERT_TRUE(m) << m.error().to_string();
  const Workload& web = m->workloads[0];
  EXPECT_EQ(web.source.kind, Source::Kind::kOci);
  EXPECT_EQ(web.source.text, "oci://registry.example.com:5000/team/web:v1.2.3");
  EXPECT_EQ(web.update.every, std::chrono::minutes(5));
  EXPECT_EQ(web.update.jitter, std::chrono::seconds(30));
  EXPECT_EQ(web.update.backoff, std::chrono::hours(1));
  EXPECT_DOUBLE_EQ(web.update.shadow->percent, 0.2);
  EXPECT_EQ(web.update.shadow->time, std::chrono::minutes(2));
  EXPECT_DOUBLE_EQ(web.update.shadow->differ, 0.01);
  EXPECT_DOUBLE_EQ(web.update.canary->percent, 0.05);
  EXPECT_EQ(web.update.canary->time, std::chrono::hours(1));
  EXPECT_EQ(web.update.canary->by, CanaryBy::kKey);
  EXPECT_DOUBLE_EQ(*web.update.rollback->errors->more, 0.02);
  EXPECT_DOUBLE_EQ(*web.update.rollback->errors->factor, 3);
  EXPECT_DOUBLE_EQ(*web.update.rollback->latency->more, 0.5);
  EXPECT_FALSE(web.update.rollback->latency->factor);
  EXPECT_EQ(web.update.rollback->within, std::chrono::minutes(30));
  EXPECT_EQ(web.update.rollback->min_calls, 200u);
  EXPECT_FALSE(web.update.hold);
  EXPECT_TRUE(web.update.allow_downgrade);
  EXPECT_EQ(web.signature.need, Signature::Need::kAllOf);
  EXPECT_THAT(web.signature.keys, ElementsAre("/app/keys/build.pub", "/abs/review.pub"));
  const Workload& tool = m->workloads[1];
  EXPECT_EQ(tool.source.kind, Source::Kind::kHttp);
  EXPECT_FALSE(tool.update.rollback);
  EXPECT_EQ(tool.signature.need, Signature::Need::kAnyOf);
  EXPECT_THAT(tool.signature.keys, ElementsAre("/app/release.pub"));
  EXPECT_EQ(m->store.path, "/app/var");
  EXPECT_EQ(m->store.max_bytes, std::uint64_t{10} << 30);
  EXPECT_EQ(m->store.keep, 5u);
  ASSERT_EQ(m->registries.size(), 2u);
  const Registry& r = m->registries[0];
  EXPECT_EQ(r.name, "registry.example.com:5000");
  EXPECT_EQ(r.mark.line, 22);
  EXPECT_EQ(r.ca, "/app/ca.pem");
  EXPECT_EQ(r.cert, "/app/c.pem");
  EXPECT_EQ(r.key, "/app/c.key");
  EXPECT_EQ(r.user, "robot");
  EXPECT_EQ(r.password_file, "/app/secret");
  EXPECT_TRUE(m->registries[1].plain_http);
  EXPECT_EQ(m->registries[1].docker_config, "/app/docker.json");
  const auto json = nlohmann::json::parse(to_json(*m));
  EXPECT_EQ(json["workloads"]["web"]["update"]["rollback"]["errors"], (nlohmann::json{"2%", "3x"}));
  EXPECT_EQ(json["workloads"]["web"]["update"]["canary"]["by"], "key");
  EXPECT_EQ(json["workloads"]["tool"]["update"]["rollback"], "off");
  EXPECT_FALSE(json["workloads"]["tool"].contains("path"));
  EXPECT_EQ(json["registries"]["10.0.0.7"]["plain-http"], true);
  EXPECT_EQ(json["store"]["max"], "10GiB");
}

TEST(Manifest, TakesTheSourcesThereAre) {
  const std::string digest = "sha256:" + std::string(64, 'a');
  for (const std::string& good : std::vector<std::string>{
           "oci://localhost/a", "oci://127.0.0.1:5000/gather/core:v1", "oci://[::1]:5000/a/b-c_d.e",
           "oci://r.example.com/a@" + digest, "oci://r.example.com/a:v1@" + digest,
           "https://example.com/a.wasm", "http://[2001:db8::1]:8080/a?x=1", "https://example.com"}) {
    const auto m = parse_plain("workloads: {a: {source: \"" + good + "\"}}");
    EXPECT_TRUE(m) << good << "\n" << m.error().to_string();
  }
  for (const std::string& bad :
       std::vector<std::string>{"oci:a",
                                "oci://",
                                "oci://r",
                                "oci:///a",
                                "oci://r/",
                                "oci://r/A",
                                "oci://r/a..b",
                                "oci://r/a//b",
                                "oci://r/../a",
                                "oci://r/a:",
                                "oci://r/a:-x",
                                "oci://r/a:" + std::string(kMaxTagBytes + 1, 'x'),
                                "oci://r/a@md5:00",
                                "oci://r/a@" + digest + "0",
                                "oci://u:p@r/a",
                                "oci://r:0/a",
                                "oci://r:99999/a",
                                "oci://r/" + std::string(kMaxRepositoryBytes + 1, 'a'),
                                "oci://r/a b",
                                "https://",
                                "https://u@h/a",
                                "https://h/a#x",
                                "https://h:x/a",
                                "https://[::1/a",
                                "https://h/a\\\\b",
                                "ftp://h/a",
                                "https://h/" + std::string(kMaxUrlBytes, 'a')}) {
    EXPECT_FALSE(parse_plain("workloads: {a: {source: \"" + bad + "\"}}")) << bad;
  }
}

TEST(ManifestLimits, KeysAndRegistries) {
  const auto keys = [](std::size_t n) {
    std::string list;
    for (std::size_t i = 0; i < n; ++i) list += "k" + std::to_string(i) + ", ";
    return "workloads: {a: {source: file:a, signature: {any-of: [" + list + "]}}}";
  };
  EXPECT_TRUE(parse_plain(keys(kMaxKeys)));
  EXPECT_THAT(plain_problems(keys(kMaxKeys + 1))[0], HasSubstr("33 keys; at most 32 can be named"));
  const auto registries = [](std::size_t n) {
    std::string text = "workloads: {a: {source: file:a}}\nregistries:\n";
    for (std::size_t i = 0; i < n; ++i) text += "  r" + std::to_string(i) + ": {}\n";
    return text;
  };
  EXPECT_TRUE(parse_plain(registries(kMaxRegistries)));
  EXPECT_THAT(plain_problems(registries(kMaxRegistries + 1))[0],
              HasSubstr("101 of them; at most 100 can be named"));
}

class BadUpdate : public ::testing::TestWithParam<Bad> {};

TEST_P(BadUpdate, IsRefusedWithPlaceAndAdvice) {
  const auto problems = plain_problems(GetParam().text);
  ASSERT_FALSE(problems.empty());
  EXPECT_EQ(problems[0], GetParam().problem);
}

INSTANTIATE_TEST_SUITE_P(
    Each, BadUpdate,
    ::testing::Values(
        Bad{"SourceScheme", "workloads:\n  a: {source: \"ftp://r/a\"}",
            "2:15: workloads.a.source: \"ftp://r/a\" has a scheme that no source has; write file: and a "
            "path, "
            "https:// or oci://"},
        Bad{"SourceOciTag", "workloads:\n  a: {source: \"oci://r.example.com/a:v 1\"}",
            "2:15: workloads.a.source: \"oci://r.example.com/a:v 1\" has a space, a backslash or a control "
            "character; remove it"},
        Bad{"SourceOciUser", "workloads:\n  a: {source: \"oci://me:pw@r.example.com/a\"}",
            "2:15: workloads.a.source: \"oci://me:pw@r.example.com/a\" holds a user name; write credentials "
            "under "
            "registries"},
        Bad{"CanaryOfOne",
            "workloads:\n  a: {source: file:a, instances: one, update: {canary: {percent: 5%}}}",
            "2:56: workloads.a.update.canary: where instances keep state a share of the calls would see a "
            "share "
            "of the "
            "state; leave it out (a version is watched and rolled back all the same), or write a shadow"},
        Bad{"ShadowShareOfOne",
            "workloads:\n  a: {source: file:a, instances: one, update: {shadow: {percent: 5%}}}",
            "2:66: workloads.a.update.shadow.percent: with `instances: one` the shadow keeps state, and "
            "needs every "
            "call to keep it right; leave percent out"},
        Bad{"CanaryOfNothing", "workloads:\n  a: {source: file:a, update: {canary: {percent: 0%}}}",
            "2:50: workloads.a.update.canary.percent: nothing would be tried; write a share above 0%, or "
            "off"},
        Bad{"CanaryKey", "workloads:\n  a: {source: file:a, update: {canary: {percentage: 5%}}}",
            "2:41: workloads.a.update.canary: no key \"percentage\"; did you mean \"percent\"?"},
        Bad{"CanaryBy", "workloads:\n  a: {source: file:a, update: {canary: {by: user}}}",
            "2:45: workloads.a.update.canary.by: \"user\" is not known here; write one of random, key"},
        Bad{"CanaryUnjudged", "workloads:\n  a: {source: file:a, update: {rollback: off, canary: {}}}",
            "2:55: workloads.a.update.canary: rollback is off, so nothing would judge it; leave rollback on"},
        Bad{"Errors", "workloads:\n  a: {source: file:a, update: {rollback: {errors: 5}}}",
            "2:51: workloads.a.update.rollback.errors: \"5\" is neither; write a percentage such as 5%, a "
            "factor "
            "such as 2x, or off"},
        Bad{"ErrorsFactor", "workloads:\n  a: {source: file:a, update: {rollback: {errors: 0.5x}}}",
            "2:51: workloads.a.update.rollback.errors: \"0.5x\" is no factor; write 1x to 1000x, such as 2x"},
        Bad{"ErrorsTwice", "workloads:\n  a: {source: file:a, update: {rollback: {errors: [5%, 6%]}}}",
            "2:56: workloads.a.update.rollback.errors[1]: a second percentage; a list has one percentage and "
            "one "
            "factor"},
        Bad{"NothingDecides", "workloads:\n  a: {source: file:a, update: {rollback: {errors: off}}}",
            "2:42: workloads.a.update.rollback: neither errors nor latency decides; write `rollback: off`"},
        Bad{"MinCalls", "workloads:\n  a: {source: file:a, update: {rollback: {min-calls: 0}}}",
            "2:54: workloads.a.update.rollback.min-calls: \"0\" does not do; write a whole number from 1 to "
            "1000000"},
        Bad{"JitterAlone", "workloads:\n  a: {source: file:a, update: {jitter: 5s}}",
            "2:40: workloads.a.update.jitter: means nothing without every; write every too"},
        Bad{"EveryTooOften", "workloads:\n  a: {source: file:a, update: {every: 10ms}}",
            "2:39: workloads.a.update.every: 10ms is out of range; write 1s to 744h"},
        Bad{"Downgrade", "workloads:\n  a: {source: file:a, update: {downgrade: yes}}",
            "2:43: workloads.a.update.downgrade: \"yes\" is not known here; write one of refuse, allow"},
        Bad{"SignatureEmpty", "workloads:\n  a: {source: file:a, signature: {}}",
            "2:34: workloads.a.signature: names no keys; write {any-of: [keys/release.pub]}"},
        Bad{"SignatureBoth", "workloads:\n  a: {source: file:a, signature: {any-of: [a], all-of: [b]}}",
            "2:34: workloads.a.signature: any-of and all-of exclude each other; write one"},
        Bad{"SignatureNone", "workloads:\n  a: {source: file:a, signature: {any-of: []}}",
            "2:43: workloads.a.signature.any-of: the list is empty; name at least one public key, or leave "
            "signature out"},
        Bad{"SignatureTwice", "workloads:\n  a: {source: file:a, signature: {any-of: [k, ./k]}}",
            "2:43: workloads.a.signature.any-of: \"./k\" is named twice; remove one"},
        Bad{"StoreKeep", "workloads: {a: {source: file:a}}\nstore: {keep: 0}",
            "2:15: store.keep: \"0\" does not do; write a whole number from 1 to 100"},
        Bad{"StoreSmall", "workloads: {a: {source: file:a}}\nstore: {max: 1MiB}",
            "2:14: store.max: 1MiB is out of range; write 16MiB to 1048576GiB"},
        Bad{"RegistryName", "workloads: {a: {source: file:a}}\nregistries: {\"https://r\": {}}",
            "2:14: registries: \"https://r\" is no host and port; write it as sources do: "
            "registry.example.com or "
            "10.0.0.7:5000"},
        Bad{"RegistryKeyAlone", "workloads: {a: {source: file:a}}\nregistries: {r: {cert: c}}",
            "2:24: registries.r.cert: means nothing without key; write both"},
        Bad{"RegistryTwoWays",
            "workloads: {a: {source: file:a}}\nregistries: {r: {user: u, password-file: p, docker-config: "
            "d}}",
            "2:60: registries.r.docker-config: cannot stand beside user; write one of them"},
        Bad{"RegistryPlainWithCa",
            "workloads: {a: {source: file:a}}\nregistries: {r: {plain-http: true, ca: c}}",
            "2:40: registries.r.ca: cannot stand beside plain-http; write one of them"},
        Bad{"RegistriesList", "workloads: {a: {source: file:a}}\nregistries: [r]",
            "2:13: registries: expected a map such as {\"registry.example.com:5000\": {ca: ca.pem}}"}),
    [](const auto& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace berth::manifest
