// Tests of the section and the trigger `gather` in a manifest.
#include "applications/gather/native/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "manifest/manifest.h"

namespace berth::gather {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

std::expected<manifest::Manifest, manifest::Problems> parse(const std::string& section,
                                                            const std::string& trigger = "{}") {
  static const std::vector<manifest::Extension> triggers{trigger_extension()};
  static const std::vector<manifest::Extension> sections{settings_extension()};
  const std::string text =
      "workloads:\n  a:\n    source: file:a.wasm\n    triggers:\n      - gather: " + trigger + "\n" +
      (section.empty() ? "" : "gather: " + section + "\n");
  return manifest::parse(text, "/etc/berth/m.yaml", "/etc/berth", {{}, triggers, sections});
}
std::string problems_of(const std::string& section, const std::string& trigger = "{}") {
  const auto parsed = parse(section, trigger);
  return parsed ? "" : parsed.error().to_string();
}
Settings read(const std::string& section) {
  const auto parsed = parse(section);
  EXPECT_TRUE(parsed) << problems_of(section);
  manifest::Problems problems("/etc/berth/m.yaml");
  return read_settings(parsed->added.at(0).value, "gather", problems).value();
}
GatherTrigger trigger(const std::string& text) {
  const auto parsed = parse("", text);
  EXPECT_TRUE(parsed) << problems_of("", text);
  manifest::Problems problems("m.yaml");
  return read_trigger(parsed->workloads.at(0).triggers.at(0).value, "gather", problems).value();
}

TEST(Settings, HaveDefaults) {
  const Settings s = read("{directory: insights}");
  EXPECT_EQ(s.directory, "/etc/berth/insights");
  EXPECT_EQ(s.every, 2h);
  EXPECT_EQ(s.jitter, 0ms);
  EXPECT_EQ(s.concurrency, 8);
  EXPECT_EQ(s.archive_bytes, 24U << 20);
  EXPECT_EQ(s.gatherer_bytes, 24U << 20);
  EXPECT_EQ(s.gatherer_time, 5min);
  EXPECT_EQ(s.keep, 288h);
  EXPECT_FALSE(s.obfuscation.any());
  EXPECT_FALSE(s.rules);
  EXPECT_FALSE(s.upload);
}

TEST(Settings, ReadEverything) {
  const Settings s = read(
      "{directory: /var/insights, every: 30m, jitter: 1m, concurrency: 2, limits: {archive: 1MiB, time: "
      "10s}, "
      "keep: {for: 24h, size: 2MiB}, obfuscation: {addresses: true, networks: [10.0.0.0/8], base-domains: "
      "[c.example.com], workload-names: true}, rules: {remote: {url: \"https://r.example.com/rules\", ca: "
      "ca.pem}, "
      "prometheus: {url: \"http://127.0.0.1:9090\", token-file: t}}, upload: {url: "
      "\"https://u.example.com/up?x=1\", token-file: token, cert: c.pem, key: k.pem, form: raw, "
      "content-type: "
      "application/gzip, retry: 1m, max-retry: 10s, timeout: 20s, degraded-after: 3}, cluster: {id: abc, "
      "version: "
      "4.17.3}}");
  EXPECT_EQ(s.directory, "/var/insights");
  EXPECT_EQ(s.gatherer_bytes, 1U << 20) << "as the archive";
  EXPECT_EQ(s.obfuscation.networks.size(), 1);
  EXPECT_EQ(s.rules->remote->ca, "/etc/berth/ca.pem");
  EXPECT_EQ(s.rules->prometheus->token_file, "/etc/berth/t");
  EXPECT_EQ(s.upload->form, UploadSettings::Form::kRaw);
  EXPECT_EQ(s.upload->to.url.to_string(), "https://u.example.com/up?x=1");
  EXPECT_EQ(s.upload->max_retry, 1min) << "not below retry";
  EXPECT_EQ(s.upload->degraded_after, 3);
  EXPECT_EQ(s.cluster_id, "abc");
}

TEST(Settings, RefuseWithThePlace) {
  const auto upload = [](const std::string& more) { return "{directory: d, upload: {" + more + "}}"; };
  const std::pair<std::string, std::string> table[] = {
      {"{}", "/etc/berth/m.yaml:6:"},
      {"{}", "directory is missing"},
      {"[]", "expected a map"},
      {"{directory: \"\"}", "6:21: gather.directory"},
      {"{directory: d, evry: 1h}", "did you mean \"every\""},
      {"{directory: d, every: 0ms}", "gather.every"},
      {"{directory: d, every: 2 hours}", "gather.every"},
      {"{directory: d, concurrency: 65}", "1 to 64"},
      {"{directory: d, limits: {archive: 1B}}", "gather.limits.archive"},
      {"{directory: d, limits: {gatherer: 1TiB}}", "gather.limits.gatherer"},
      {"{directory: d, keep: {for: never}}", "gather.keep.for"},
      {"{directory: d, obfuscation: {addresses: yes}}", "true or false"},
      {"{directory: d, obfuscation: {networks: [10.0.0.1/8]}}", "gather.obfuscation.networks"},
      {"{directory: d, obfuscation: {base-domains: [com]}}", "no domain"},
      {"{directory: d, rules: {file: a, remote: {url: \"https://e\"}}}", "write one of them"},
      {"{directory: d, rules: {remote: {}}}", "url is missing"},
      {"{directory: d, rules: {prometheus: {url: \"ftp://e\"}}}", "gather.rules.prometheus.url"},
      {upload(""), "url is missing"},
      {upload("url: \"http://10.0.0.1/\", token-file: t"), "over https only"},
      {upload("url: \"https://e/\", cert: c"), "belong together"},
      {upload("url: \"https://e/\", addresses: [everything]"), "addresses"},
      {upload("url: \"https://e/\", form: json"), "multipart"},
      {upload("url: \"https://e/\", content-type: \"a\\nb\""), "media type"},
      {upload("url: \"https://e/\", retry: 1ms"), "gather.upload.retry"},
      {upload("url: \"https://user:p@e/\""), "gather.upload.url"},
      {"{directory: d, cluster: {id: \"a b\"}}", "gather.cluster.id"},
  };
  for (const auto& [section, says] : table) EXPECT_THAT(problems_of(section), HasSubstr(says)) << section;
}

TEST(Trigger, ReadsWhatRuns) {
  EXPECT_FALSE(trigger("{}").only);
  EXPECT_FALSE(trigger("{gatherers: all}").only);
  EXPECT_THAT(*trigger("{gatherers: [nodes, pods]}").only, testing::ElementsAre("nodes", "pods"));
  EXPECT_EQ(trigger("{every: 12h}").every, 12h);
  const auto t = trigger("{parameters: {logs: {tail-lines: 100, deep: [a, {b: true}]}, x: {}}}");
  EXPECT_EQ(t.parameters.at("logs"), R"({"tail-lines":100,"deep":["a",{"b":true}]})");
  EXPECT_EQ(t.parameters.at("x"), "{}");
  for (const auto& [text, says] : std::initializer_list<std::pair<std::string, std::string>>{
           {"{gatherers: nodes}", "write all, or a list"},
           {"{parameters: [a]}", "expected a map"},
           {"{parameters: {a: b}}", "is a map"},
           {"{every: 1ms}", "triggers[0].gather.every"},
           {"{gather: 1}", "no key"}})
    EXPECT_THAT(problems_of("", text), HasSubstr(says)) << text;
}

}  // namespace
}  // namespace berth::gather
